#!/usr/bin/env node
// Runs the built tests: all `*.test.js` below dist/test but those that need real Synapse (`*.oracle.test.js`), or with
// `--oracle` only those, with `--faults` only the fault campaigns (`*.fault.test.js`), with `--package` only those that
// install the package (`*.package.test.js`), with `--browser` only those that look at pages in a browser
// (`*.browser.test.js`), with `--fleet` only those that run the examples under their engines (`*.fleet.test.js`); further
// arguments are parts of file names to choose by. `node --test` on Node 20 takes no globs.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, sep } from 'node:path'

const words = process.argv.slice(2)
const special = ['oracle', 'faults', 'package', 'browser', 'fleet'].find((name) => words.includes(`--${name}`))
const parts = words.filter((word) => !word.startsWith('--'))
const kind = special ? `.${special.replace('faults', 'fault')}.test.js` : '.test.js'
const root = join('dist', 'test')
const files = readdirSync(root, { recursive: true })
  .map((file) => join(root, file))
  .filter((file) => file.endsWith(kind))
  .filter((file) => kind !== '.test.js' || !/\.(oracle|fault|package|browser|fleet)\.test\.js$/.test(file))
  .filter((file) => parts.length === 0 || parts.some((part) => file.split(sep).join('/').includes(part)))
  .sort()
if (files.length === 0) {
  console.error(`No test file matches: ${parts.join(' ')}`)
  process.exit(1)
}
// `npm ci` leaves no LMDB binding that reads Synapse's files, and tests may be run without `npm run build`.
const setup = spawnSync(process.execPath, ['bin/synapse-migrator.mjs', 'setup', '--quiet'], { stdio: 'inherit' })
if (setup.status !== 0) process.exit(setup.status ?? 1)
// Tests wait for locks, heartbeats and peers now and then: one more file than there are cores keeps these busy.
const concurrency = special === 'oracle' ? '1' : String(special === undefined ? availableParallelism() + 1 : 2)
const args = ['--test', '--enable-source-maps', '--test-reporter=spec', `--test-concurrency=${concurrency}`, ...files]
process.exit(spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1)

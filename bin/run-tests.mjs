#!/usr/bin/env node
// Runs the built tests: all `*.test.js` below dist/test but those that need real Synapse (`*.oracle.test.js`), or with
// `--oracle` only those; further arguments are parts of file names to choose by. `node --test` on Node 20 takes no globs.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join, sep } from 'node:path'

const words = process.argv.slice(2)
const oracle = words.includes('--oracle')
const parts = words.filter((word) => !word.startsWith('--'))
const root = join('dist', 'test')
const files = readdirSync(root, { recursive: true })
  .map((file) => join(root, file))
  .filter((file) => file.endsWith('.test.js') && file.endsWith('.oracle.test.js') === oracle)
  .filter((file) => parts.length === 0 || parts.some((part) => file.split(sep).join('/').includes(part)))
  .sort()
if (files.length === 0) {
  console.error(`No test file matches: ${parts.join(' ')}`)
  process.exit(1)
}
const concurrency = oracle ? '1' : '2'
const args = ['--test', '--enable-source-maps', '--test-reporter=spec', `--test-concurrency=${concurrency}`, ...files]
process.exit(spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1)

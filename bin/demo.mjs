#!/usr/bin/env node
// Migrates the bundled Cortex, made by Synapse 0.1.58, and shows the result; installs and builds first where needed.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
run(process.execPath, ['bin/install.mjs'])
run('npm', ['run', '-s', 'build'])

const dir = mkdtempSync(join(tmpdir(), 'synapse-migrator-demo-'))
const src = join(dir, 'cortex-0.1.58')
const dest = join(dir, 'cortex-2.x')
mkdirSync(src)
run('tar', ['-C', src, '-xzf', 'test/fixtures/demo-cortex.tar.gz'])

const migrate = ['bin/migrate_020.mjs', '--src', src, '--dest', dest]
console.log(`$ npx migrate_020 --src ${src} --dest ${dest}`)
// 8: all done but for rows that are in the migration log; this Cortex has some on purpose
run(process.execPath, migrate, [0, 8])
console.log('\n$ npx migrate_020 --src … --dest … --form-counts')
run(process.execPath, [...migrate, '--form-counts'])
console.log(`The migrated Cortex is in ${dest}`)
console.log(`Start it with Synapse 2.x: python -m synapse.servers.cortex ${dest}`)
console.log(`Delete all that the demo made: rm -r ${dir}`)

function run(command, args, allowed = [0]) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  if (error) console.error(`Cannot run ${command}: ${error.message}`)
  if (!allowed.includes(status)) process.exit(status ?? 1)
}

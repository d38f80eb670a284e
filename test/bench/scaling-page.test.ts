import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const SIMULATE = fileURLToPath(new URL('../../bench/simulate.js', import.meta.url))
const PAGE = fileURLToPath(new URL('../../../docs/scaling.md', import.meta.url))

test('docs/scaling.md shows what the simulation prints', () => {
  const { status, stdout } = spawnSync(process.execPath, [SIMULATE], { encoding: 'utf8' })
  assert.equal(status, 0)
  assert.ok(readFileSync(PAGE, 'utf8').includes(stdout.trim()), `paste this into docs/scaling.md:\n${stdout}`)
})

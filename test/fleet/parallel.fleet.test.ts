import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { copyCortex, unpack } from '../support/cortex.js'
import { example, runExample } from '../support/fleet.js'

const dir = mkdtempSync(join(tmpdir(), 'fleet-parallel-'))
after(() => rmSync(dir, { recursive: true, force: true }))
const srcs = join(dir, 'old')
const dests = join(dir, 'new')
const script = example('parallel/migrate-all.sh')
const exitCode = (name: string) => readFileSync(join(dests, 'logs', `${name}.exit`), 'utf8').trim()
const log = (name: string) => readFileSync(join(dests, 'logs', `${name}.log`), 'utf8')

test('migrate-all.sh gives each Cortex a log and an exit code, and tries again those that did not end with 0', async () => {
  unpack('bad/intact/src.tar.gz', join(srcs, 'a whole one'))
  unpack('demo-cortex.tar.gz', join(srcs, 'with-errors'))
  mkdirSync(join(srcs, 'no-cortex'))

  const first = await runExample([script, srcs, dests])
  assert.equal(first.status, 2, first.output)
  assert.deepEqual(['a whole one', 'with-errors', 'no-cortex'].map(exitCode), ['0', '8', '5'])
  assert.match(log('with-errors'), /1 {2}hiveauth {2}OWNER/)
  assert.match(log('no-cortex'), /^error: /m)

  // What is repaired is migrated now, what ended with 0 is not looked at again.
  writeFileSync(join(dests, 'logs', 'a whole one.log'), 'of the first time')
  rmSync(join(srcs, 'no-cortex'), { recursive: true })
  copyCortex(join(srcs, 'a whole one'), join(srcs, 'no-cortex'))
  const second = await runExample([script, srcs, dests, '--accept-errors', 'all'])
  assert.equal(second.status, 0, second.output)
  assert.deepEqual(['a whole one', 'with-errors', 'no-cortex'].map(exitCode), ['0', '0', '0'])
  assert.equal(log('a whole one'), 'of the first time')
})

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { assertAsReference } from '../support/as-reference.js'
import { fixture, migrate, tempDir, unpack } from '../support/cortex.js'
import { dumpCortex, readLines } from '../support/dump.js'

for (const workers of ['1', '2', '4']) {
  test(`migrate_020 --workers ${workers} makes of the bundled Cortex what the reference makes of it`, (t) => {
    const dir = tempDir(t)
    const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
    const dest = join(dir, 'dest')
    const { status, stderr } = migrate('--src', src, '--dest', dest, '--workers', workers)
    assert.equal(status, 8, stderr)
    const decisions = assertAsReference(dumpCortex(dest), readLines(fixture('demo-cortex.rc18.jsonl.gz')))
    for (const id of ['D11', 'D12', 'D15', 'D16', 'D23', 'D33']) assert.ok(decisions.has(id), `${id} shows nowhere`)
  })
}

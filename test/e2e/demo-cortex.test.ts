import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { compareDumps, report } from '../support/compare.js'
import { fixture, migrate, tempDir, unpack } from '../support/cortex.js'
import { DECISIONS, loneRows, steadyTriggers, tagPropTypes, withoutNodeEdits } from '../support/decisions.js'
import { dumpCortex, readLines } from '../support/dump.js'
import { nodeEdits } from '../support/node-edits.js'

/** Nodes of forks whose node data 0.1.58 put into the layer of the main view, where they have nothing else. */
const LONE = [
  '393106e4f4f8d4a070c88a0e4a344689c2afeb3c49d95ab33b9b063ca0b702cf',
  '4705352fd80e42d5d676d5966fabad260b15f2ada02864bc0ab2bd90b4f8a3fd',
]

for (const workers of ['1', '2', '4']) {
  test(`migrate_020 --workers ${workers} makes of the bundled Cortex what the reference makes of it`, (t) => {
    const dir = tempDir(t)
    const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
    const dest = join(dir, 'dest')
    const { status, stderr } = migrate('--src', src, '--dest', dest, '--workers', workers)
    assert.equal(status, 8, stderr)
    const ours = dumpCortex(dest)
    const reference = readLines(fixture('demo-cortex.rc18.jsonl.gz'))

    const { explained, unexplained } = compareDumps(
      withoutNodeEdits(steadyTriggers(ours)),
      withoutNodeEdits(steadyTriggers(reference)),
      [...DECISIONS, tagPropTypes(['tiny', 'since']), loneRows(LONE)],
    )
    assert.equal(unexplained.length, 0, report(unexplained))
    for (const id of ['D11', 'D12', 'D15', 'D16', 'D23', 'D33']) assert.ok(explained.has(id), `${id} shows nowhere`)

    const edits = nodeEdits(ours)
    const theirs = nodeEdits(reference)
    assert.equal(theirs.size, 3)
    for (const [layer, expected] of theirs) {
      const found = edits.get(layer) ?? []
      assert.deepEqual(found.slice(0, -1), expected, `layer ${layer}`)
      assert.equal(found.length, expected.length + 1, 'D10: the last splice is not lost')
    }
  })
}

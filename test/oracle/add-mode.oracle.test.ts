import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { compareDumps, parseLine, report } from '../support/compare.js'
import { copyCortex, fixture, migrate, migrateByReference, python, unpack } from '../support/cortex.js'
import { dumpCortex, readLines } from '../support/dump.js'
import { tempDir } from '../support/fixture.js'
import { parseItems } from '../support/node-edits.js'

/** A row of the nexus log: its node edits as text, but for what D12 makes otherwise. */
interface Batch {
  readonly layer: string
  readonly user: string
  readonly edits: readonly string[]
}

const NO_OP = /\["\w{32}","edits",\[\[\],\{\}\],\{\},\{\}\]/

const dir = tempDir()
const src = join(dir, 'src')
const nexus = join(dir, 'nexus')

before(() => {
  unpack('demo-cortex.tar.gz', src)
  assert.equal(migrate('--src', src, '--dest', nexus, '--add-mode', 'nexus').status, 8)
})

test('--add-mode nonexus, editor and nexus make the same rows, nexus its log as well', () => {
  const [nonexus, editor] = ['nonexus', 'editor'].map((mode) => {
    const dest = join(dir, mode)
    assert.equal(migrate('--src', src, '--dest', dest, '--add-mode', mode).status, 8)
    return dumpCortex(dest)
  })
  for (const other of [editor, dumpCortex(nexus)]) {
    const { unexplained } = compareDumps(withoutLog(other), withoutLog(nonexus))
    assert.equal(unexplained.length, 0, report(unexplained))
  }
})

test('--add-mode nexus logs the batches of the reference, then the row that reserves the edit logs', () => {
  const reference = join(dir, 'reference')
  migrateByReference(src, reference, '--map-partial', '--add-mode', 'nexus')
  const rows = logRows(nexus)
  assert.match(rows[rows.length - 1], NO_OP)
  const ours = batches(rows.slice(0, -1))
  const theirs = batches(logRows(reference))
  assert.equal(theirs.size, 4)
  for (const [layer, expected] of theirs) {
    const known = new Set(expected.flatMap(({ edits }) => edits))
    const found = ours.get(layer) ?? []
    // D23: node data of nodes that have nothing else in the layer, as forks of 0.1.58 leave it.
    const cured = found.flatMap(({ edits }) => edits).filter((edit) => !known.has(edit))
    assert.ok(
      cured.every((edit) => /^\[\{"\$b":"\w{64}"\},"[^"]+",\[\[8,/.test(edit)),
      cured[0],
    )
    const alike = found.map((batch) => ({ ...batch, edits: batch.edits.filter((edit) => known.has(edit)) }))
    assert.deepEqual(alike, expected, `layer ${layer}`)
  }
})

for (const release of ['200', '280'] as const) {
  test(`Synapse ${release} starts on the result of --add-mode nexus and reads its nodes`, () => {
    const copy = copyCortex(nexus, join(dir, `copy-${release}`))
    const out = join(dir, `nodes-${release}.jsonl.gz`)
    python(release, 'export_nodes.py', copy, out)
    assert.deepEqual(readLines(out), readLines(fixture('demo-cortex.nodes.jsonl.gz')))
  })
}

test('Synapse 2.8.0 adds edits behind the migrated ones after --add-mode nexus', () => {
  const { before, after } = JSON.parse(python('280', 'edit_log.py', copyCortex(nexus, join(dir, 'edited'))))
  assert.equal(Object.keys(before).length, 4)
  for (const iden of Object.keys(before)) {
    assert.deepEqual(after[iden].slice(0, before[iden].length), before[iden])
    assert.ok(after[iden].length >= before[iden].length + 10)
  }
})

function withoutLog(dump: readonly string[]): string[] {
  return dump.filter((line) => !/^(slabs\/nexus|migration\/checkpoints)\./.test(line))
}

/** The rows `[key,[layer,"edits",[edits,meta],{},{}]]` of the nexus log. */
function logRows(dest: string): string[] {
  const rows = dumpCortex(dest).map(parseLine)
  return rows
    .filter(({ path, db, row }) => path === 'slabs/nexus.lmdb' && db === 'nexuslog' && row.includes('"edits",'))
    .map(({ row }) => row)
    .sort((a, b) => keyOf(a) - keyOf(b))
}

function keyOf(row: string): number {
  const [key] = JSON.parse(`${row.slice(0, row.indexOf(',["'))}]`)
  const bytes = typeof key === 'string' ? Buffer.from(key) : Buffer.from(key.$b, 'hex')
  return Number(bytes.readBigUInt64BE())
}

function batches(rows: readonly string[]): Map<string, Batch[]> {
  const layers = new Map<string, Batch[]>()
  for (const row of rows) {
    const [layer, , content] = parseItems(row, row.indexOf(',["') + 1).items
    const [edits, meta] = parseItems(content, 0).items
    const { user } = JSON.parse(meta)
    const batch = { layer, user, edits: parseItems(edits, 0).items.map(withoutTagPropTypes) }
    layers.set(layer, [...(layers.get(layer) ?? []), batch])
  }
  return layers
}

/** D12: the stortypes of tag props whose types have options. */
function withoutTagPropTypes(edit: string): string {
  return edit.replaceAll(/(,"(?:tiny|since|note)",[^[\]]*,null,)\d+\]/g, '$1*]')
}

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { LeafBuilder } from '../../src/page/leaf-builder.js'
import { SlabReader } from '../../src/page/page-reader.js'
import { SlabFileBuilder } from '../../src/page/slab-file-builder.js'
import { ChangedNodes } from '../../src/upgrade/changed-nodes.js'

/** Few nodes and names, so that nodes are moved onto each other. */
const nodes = fc.array(
  fc.record({ buid: fc.nat({ max: 9 }), name: fc.constantFrom('*a', 'b', 'c', 'd'), value: fc.nat({ max: 99 }) }),
  { maxLength: 40 },
)
const moves = fc.uniqueArray(fc.tuple(fc.nat({ max: 9 }), fc.nat({ max: 12 }), fc.boolean()), {
  maxLength: 10,
  selector: ([from]) => from,
})

test('ChangedNodes.write() gives the rows of a map in which nodes are changed and moved one by one', () => {
  fc.assert(
    fc.property(nodes, moves, (rows, changed) => {
      const before = new Map(rows.map(({ buid, name, value }) => [buidOf(buid) + name, String(value)]))
      const expected = new Map([...before].filter(([key]) => !changed.some(([from]) => key.startsWith(buidOf(from)))))
      const subject = new ChangedNodes()
      for (const [from, to, isChanged] of changed) {
        subject.add(bytes(buidOf(from)), bytes(buidOf(to)), isChanged ? 'form' : null)
        for (const [key, value] of before) {
          if (key.startsWith(buidOf(from))) expected.set(buidOf(to) + key.slice(32), isChanged ? `${value}!` : value)
        }
      }
      const found: [string, string][] = []
      withSlab([...before], (slab) => {
        const upgrade = (_: string, old: readonly { name: Uint8Array; value: Uint8Array }[]) =>
          old.map(({ name, value }) => ({ name, value: Buffer.concat([value, Buffer.from('!')]) }))
        subject.write(slab, upgrade, (key, from, to, value, start, end) =>
          found.push([latin1(key.subarray(from, to)), latin1(value.subarray(start, end))]),
        )
      })
      assert.deepEqual(
        found,
        [...expected].sort(([a], [b]) => (a < b ? -1 : 1)),
      )
    }),
    { numRuns: 60 },
  )
})

test('ChangedNodes refuses a node that it has: the forms of all later ones would be those of others', () => {
  const subject = new ChangedNodes()
  subject.add(bytes(buidOf(1)), bytes(buidOf(2)), 'form')
  assert.throws(() => subject.add(bytes(buidOf(1)), bytes(buidOf(2)), null), { code: 'ERR_INTERNAL' })
})

function withSlab(rows: [string, string][], use: (slab: SlabReader) => void): void {
  const dir = mkdtempSync(join(tmpdir(), 'synapse-migrator-'))
  try {
    const path = join(dir, 'layer.lmdb')
    const file = SlabFileBuilder.create(path)
    const builder = new LeafBuilder({ dupSort: false, emit: (chunk) => file.place(0, chunk) })
    for (const [key, value] of rows.sort(([a], [b]) => (a < b ? -1 : 1))) {
      const [k, v] = [bytes(key), bytes(value)]
      builder.add(k, 0, k.length, v, 0, v.length)
    }
    file.finishDb('bybuid', false, [{ stream: 0, summary: builder.finish() }])
    file.finish()
    const slab = SlabReader.open(path)
    use(slab)
    slab.close()
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function buidOf(n: number): string {
  return String.fromCharCode(n * 20).repeat(32)
}

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

function latin1(from: Uint8Array): string {
  return Buffer.from(from).toString('latin1')
}

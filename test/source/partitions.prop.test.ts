import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { SlabReader } from '../../src/page/page-reader.js'
import { planPartitions, rangesOf } from '../../src/source/partitions.js'
import { buildSlab, sorted } from '../page/built-slab.js'
import { tempDir } from '../support/fixture.js'

const dir = tempDir()
let slabs = 0

/** A node: where its buid lies, how many rows it has, and how large they are. Few different bytes make neighbours likely. */
const node = fc.record({
  head: fc.oneof(fc.constantFrom(0, 1, 0xfffffffe, 0xffffffff), fc.nat({ max: 0xffffffff })),
  tail: fc.nat({ max: 3 }),
  rows: fc.integer({ min: 1, max: 12 }),
  valueBytes: fc.constantFrom(0, 10, 700, 3000),
})
const nodes = fc.uniqueArray(node, { selector: ({ head, tail }) => `${head} ${tail}`, maxLength: 60, size: 'max' })
const options = fc.record({
  workers: fc.integer({ min: 1, max: 9 }),
  memoryBytes: fc.constantFrom(1, 2 ** 25, 2 ** 30),
  partitionBytes: fc.constantFrom(undefined, 1, 4096, 50_000, 10_000_000),
})

function buidOf({ head, tail }: { head: number; tail: number }): Buffer {
  const buid = Buffer.alloc(32)
  buid.writeUInt32BE(head, 0)
  buid[31] = tail
  return buid
}

test('planPartitions() puts each buid in exactly one range, whatever the spread, and plans the same again', () => {
  fc.assert(
    fc.property(nodes, options, fc.option(fc.nat()), (list, how, limit) => {
      const rows = list.flatMap((one) =>
        Array.from({ length: one.rows }, (_, i) => ({
          key: Buffer.concat([buidOf(one), Buffer.from(`p${i}`)]),
          value: Buffer.alloc(one.valueBytes),
        })),
      )
      const path = join(dir, String(slabs++))
      buildSlab(path, { bybuid: { dupSort: false, rows: sorted(rows) } })
      const plan = () => {
        const slab = SlabReader.open(path)
        const db = slab.db('bybuid')
        assert.ok(db !== undefined)
        const borders = planPartitions([db], slab.pageSize, how)
        slab.close()
        return borders
      }
      const borders = plan()
      assert.deepEqual(plan(), borders)
      const buids = list.map(buidOf).sort(Buffer.compare)
      // With --nodelim the last range ends before some node.
      const end = limit === null || buids.length === 0 ? null : buids[limit % buids.length]
      const ranges = rangesOf(borders, end)
      const isIn = (buid: Buffer, { start, end }: (typeof ranges)[number]) =>
        (start === null || Buffer.compare(start, buid) <= 0) && (end === null || Buffer.compare(buid, end) < 0)
      for (const buid of buids) {
        const wanted = end === null || Buffer.compare(buid, end) < 0 ? 1 : 0
        assert.equal(ranges.filter((range) => isIn(buid, range)).length, wanted, buid.toString('hex'))
      }
    }),
    { numRuns: 40, seed: 1 },
  )
})

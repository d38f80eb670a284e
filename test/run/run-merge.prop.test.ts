import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { byteListOf } from '../../src/bytes/byte-list.js'
import { RunWriter } from '../../src/run/run-file.js'
import { readRunFooter } from '../../src/run/run-footer.js'
import { RunMerge, type Segment } from '../../src/run/run-merge.js'
import { tempDir } from '../support/fixture.js'
import { randomOf } from '../support/random.js'
import { buidsOf, indexRows, type TestRow } from './index-rows.js'
import { rowsWritten } from './run-rows.js'

/** A group with one row. */
interface Group {
  readonly first: number
  /** -1: there is only one. */
  readonly second: number
  readonly owner: number
}

const dir = tempDir()
const INDEX = Uint8Array.of(7)
let files = 0

/** Writes runs to a file, with the groups of each in order. */
function segmentsOf(runs: readonly (readonly Group[])[]): Segment[] {
  const path = join(dir, `${files++}.run`)
  const run = new RunWriter(path)
  for (const groups of runs) {
    const rows = groups.map(({ owner }, group): TestRow => ({ group, owner, index: INDEX }))
    const ranks = Int32Array.from(groups.keys())
    run.section('byprop', indexRows(rows, { first: ranks, second: null }), buidsOf(1e5))
    run.endRun()
  }
  const [none, ranks] = [byteListOf([]), Int32Array.from({ length: 1e5 }, (_, rank) => rank)]
  run.finish({ propNames: none, tagNames: none, tagPropNames: none }, new Int32Array(0), () => {
    return { first: ranks, second: null }
  })
  const footer = readRunFooter(path)
  assert.ok(footer !== null)
  const { starts, runEnds, ends } = footer.sections.byprop
  return runs.map((groups, i) => ({
    path,
    start: starts[i],
    end: groups.length > 0 ? ends[runEnds[i] - 1] : starts[i],
  }))
}

/** Merges runs; of those with a fault only their names are looked at. */
function merged(runs: readonly (readonly Group[])[], segments = segmentsOf(runs)) {
  const merge = new RunMerge(segments)
  try {
    const { list, ends } = merge.groupList(runs.flat().length)
    list.set(runs.flat().flatMap(({ first, second }) => [first, second, 1]))
    ends.set(runs.map((_, run) => runs.slice(0, run + 1).flat().length))
    let fault = -1
    const { rows, section } = rowsWritten((out, notes) => {
      fault = merge.toRun(out, notes, 1 << 16)
    })
    const { a, b, counts } = section
    return {
      fault,
      owners: rows.map(({ owner }) => owner),
      groups: Array.from(a, (first, i) => [first, b[i], counts[i]]),
    }
  } finally {
    merge.close()
  }
}

function checkMerged(runs: readonly (readonly Group[])[]): void {
  const inOrder = runs.flat().sort((x, y) => x.first - y.first || x.second - y.second || x.owner - y.owner)
  const groups: number[][] = []
  for (const { first, second } of inOrder) {
    const last = groups.at(-1)
    if (last?.[0] === first && last[1] === second) last[2]++
    else groups.push([first, second, 1])
  }
  const found = merged(runs)
  assert.deepEqual(found, { fault: -1, owners: inOrder.map(({ owner }) => owner), groups })
}

/** Gives each group its place in all runs as owner, and no run the same group twice. */
function runsOf(names: readonly (readonly (readonly [number, number])[])[]): Group[][] {
  let owner = 0
  return names.map((pairs) => {
    const own = new Map(pairs.map((pair) => [String(pair), pair]))
    const sorted = [...own.values()].sort((x, y) => x[0] - y[0] || x[1] - y[1])
    return sorted.map(([first, second]) => ({ first, second, owner: owner++ }))
  })
}

test('RunMerge.toRun() merges the groups of all runs in the order of their names, and rows of each in that of the runs', () => {
  const name = fc.oneof(fc.nat(4), fc.constantFrom(0, 255, 256, 65535, 65536, 2 ** 31 - 2))
  const pair = fc.tuple(name, fc.oneof(fc.constant(-1), name))
  fc.assert(
    fc.property(fc.array(fc.array(pair, { maxLength: 12 }), { minLength: 1, maxLength: 9 }), (names) => {
      checkMerged(runsOf(names))
    }),
  )
})

test('RunMerge.toRun() merges thousands of groups', () => {
  const random = randomOf(3)
  const pairs = () => Array.from({ length: 1500 }, (): [number, number] => [random(90), random(90) - 1])
  checkMerged(runsOf(Array.from({ length: 12 }, pairs)))
})

test('RunMerge.toRun() says which run has its groups in another order, and goes on with the next list', () => {
  // biome-ignore format: by run
  const runs = runsOf([[[1, 1], [2, 2]], [[1, 2], [2, 1], [3, 0]], [[0, 5]]])
  const segments = segmentsOf(runs)
  const swapped = [runs[0], [runs[1][1], runs[1][0], runs[1][2]], runs[2]]
  assert.equal(merged(swapped, segments).fault, 1)
  const twice = [[runs[0][0], runs[0][0]], runs[1], runs[2]]
  assert.equal(merged(twice, segments).fault, 0)
  checkMerged(runs)
})

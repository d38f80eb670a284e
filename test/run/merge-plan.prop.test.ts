import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ByteList, byteListOf, itemOf } from '../../src/bytes/byte-list.js'
import { NullPort } from '../../src/forecast/null-port.js'
import { kernel } from '../../src/kernel/kernel.js'
import { INDEX_DBS } from '../../src/layout/dest-dbs.js'
import { type MergeUnit, mergeRuns } from '../../src/migrate/tasks/merge-runs.js'
import { MergePlan } from '../../src/run/merge-plan.js'
import { mergeRunFiles } from '../../src/run/merge-run-files.js'
import { eachNodedata } from '../../src/run/nodedata-rows.js'
import { RunWriter } from '../../src/run/run-file.js'
import { readRunFooter } from '../../src/run/run-footer.js'
import { RunMerge } from '../../src/run/run-merge.js'
import type { RunSection } from '../../src/run/section-notes.js'
import { overWire } from '../../src/thread/over-wire.js'
import { tempDir } from '../support/fixture.js'
import { randomOf } from '../support/random.js'
import { anyIndex, buidOf, buidsOf, indexRows, type TestRow } from './index-rows.js'
import { mergedRows } from './merged-rows.js'

const dir = tempDir()
const NO_NAMES = byteListOf([])
let files = 0

function itemsOf(list: ByteList): Uint8Array[] {
  return Array.from(list.ends, (_, i) => itemOf(list, i))
}

/** One run: a node's number is its buid, and runs hold ascending ones. */
interface TestRun {
  readonly names: readonly string[]
  readonly rows: readonly TestRow[]
}

/** Rows as text: abbreviation, index bytes, number of the node. */
function textOf(abrv: number, index: Uint8Array, owner: number): string {
  return `${String(abrv).padStart(4, '0')} ${Buffer.from(index).toString('hex')} ${owner}`
}

/** Writes runs, with a value of node data for each row, some to each file; returns the paths of the files. */
function written(runs: readonly TestRun[], blockBytes: number, perFile = 1): string[] {
  const buids = buidsOf(Math.max(1, ...runs.flatMap(({ rows }) => rows.map(({ owner }) => owner + 1))))
  const none = { first: new Int32Array(0), second: null }
  return Array.from({ length: Math.ceil(runs.length / perFile) }, (_, file) => {
    const path = join(dir, `${files++}.run`)
    const own = runs.slice(file * perFile, (file + 1) * perFile)
    const names = [...new Set(own.flatMap((run) => run.names))]
    const run = new RunWriter(path, blockBytes)
    for (const { names: used, rows: list } of own) {
      const ranks = ranksAmong(names, used)
      const rows = list.map((row) => ({ ...row, group: names.indexOf(used[row.group]) }))
      run.section('byprop', indexRows(rows, { first: ranks, second: null }), buids)
      run.section('byarray', indexRows([], none), buids)
      run.section('bytag', indexRows(rows, { first: ranks, second: ranks }), buids)
      run.section('bytagprop', indexRows(rows.slice(0, 3), { first: ranks, second: null }), buids)
      run.section('dataname', indexRows([], none), buids)
      for (const { group, owner } of rows) run.nodedata(buidOf(owner), 0, group, Buffer.from(`value ${owner}`))
      run.endRun()
    }
    const all = ranksAmong(names, names)
    const propNames = byteListOf([...names].sort().map((name) => Buffer.from(name)))
    run.finish({ propNames, tagNames: propNames, tagPropNames: propNames }, all, (db) => {
      return { first: all, second: db === 'bytag' ? all : null }
    })
    return path
  })
}

/** The place of each name among those that are used, in byte order. */
function ranksAmong(names: readonly string[], used: readonly string[]): Int32Array {
  const sorted = [...used].sort()
  return Int32Array.from(names, (name) => sorted.indexOf(name))
}

/** Runs are added from the last to the first: the plan must not depend on it. */
function planOf(runs: readonly TestRun[], blockBytes: number, perFile = 1): MergePlan {
  return planOfFiles(written(runs, blockBytes, perFile))
}

function planOfFiles(paths: readonly string[]): MergePlan {
  const plan = new MergePlan()
  for (const [partition, path] of [...paths.entries()].reverse()) {
    const footer = readRunFooter(path)
    assert.ok(footer !== null)
    plan.add(partition, path, footer)
  }
  return plan
}

/** How many rows each part of a unit has of a group. */
function countsOf({ parts, range }: MergeUnit, group: number): number[] {
  return parts.map(({ groups, counts }) => (range !== null ? -1 : (counts[groups.indexOf(group)] ?? 0)))
}

/** What a worker makes of a unit, as rows in the order in which they come. */
function merged(unit: MergeUnit): string[] {
  const texts: string[] = []
  const merge = new RunMerge(unit.parts)
  if (unit.range !== null) merge.takeRange(unit.range.gte, unit.range.lt)
  for (const [group, a] of unit.a.entries()) {
    const { rows } = mergedRows(merge, countsOf(unit, group))
    for (const { index, owner } of rows) texts.push(textOf(a, index, owner))
  }
  merge.close()
  return texts
}

function check(runs: readonly TestRun[], unitBytes: number, blockBytes: number, perFile = 1): MergeUnit[] {
  const plan = planOf(runs, blockBytes, perFile)
  const abrvOf = new Map(itemsOf(plan.names().propNames).map((name, abrv) => [Buffer.from(name).toString(), abrv]))
  const rows = runs.flatMap(({ names: own, rows: list }) => {
    return list.map(({ group, index, owner }) => ({ abrv: abrvOf.get(own[group]) ?? -1, index, owner }))
  })
  rows.sort((x, y) => x.abrv - y.abrv || Buffer.compare(x.index, y.index) || x.owner - y.owner)
  const units = plan.units('byprop', unitBytes).map((unit) => unit())
  assert.deepEqual(
    units.flatMap(merged),
    rows.map(({ abrv, index, owner }) => textOf(abrv, index, owner)),
  )
  return units
}

const index = fc.oneof(
  anyIndex,
  fc.uint8Array({ maxLength: 3 }),
  fc.constantFrom(Uint8Array.of(), Uint8Array.of(0), Uint8Array.of(7), Uint8Array.of(7, 0)),
)
const runs = fc
  .array(
    fc.tuple(
      fc.uniqueArray(fc.constantFrom('a', 'b', 'bb', 'c', 'd'), { minLength: 1 }),
      fc.array(fc.tuple(fc.nat(4), index), { maxLength: 40, size: 'max' }),
    ),
    { minLength: 1, maxLength: 6, size: 'max' },
  )
  .map((list) => {
    let owner = 0
    return list.map(
      ([names, rows]): TestRun => ({
        names,
        rows: rows.map(([group, bytes]) => ({ group: group % names.length, owner: owner++, index: bytes })),
      }),
    )
  })

test('MergePlan.units() and RunMerge give what sorting all rows gives, whatever the sizes of units, blocks and files', () => {
  fc.assert(
    fc.property(
      runs,
      fc.constantFrom(1, 50, 200, 1000, 1 << 24),
      fc.constantFrom(1, 100, 1 << 16),
      fc.integer({ min: 1, max: 3 }),
      (list, unit, block, perFile) => {
        check(list, unit, block, perFile)
      },
    ),
    { numRuns: 150, seed: 3 },
  )
})

/** All that a plan leads to: names, rows of each database, node data. */
function contentOf(plan: MergePlan): object {
  const { propNames, tagNames, tagPropNames } = plan.names()
  const values: string[] = []
  eachNodedata(plan.nodedata(), ({ abrvs }, buf, buid, rank, start, end) => {
    values.push(`${buf.readUInt32BE(buid)} ${abrvs[rank]} ${buf.toString('utf8', start, end)}`)
  })
  return {
    names: [propNames, tagNames, tagPropNames],
    rows: INDEX_DBS.map((db) => plan.units(db, 100).flatMap((unit) => merged(unit()))),
    values,
  }
}

const small = fc.integer({ min: 1, max: 4 })

test('runs that mergeRunFiles() has merged, in one level or in two, lead to the very rows of those that it was given', () => {
  fc.assert(
    fc.property(runs, small, fc.constantFrom(1, 100, 1 << 16), small, (list, fanIn, block, perFile) => {
      const paths = written(list, block, perFile)
      assert.deepEqual(contentOf(planOfFiles(paths)), contentOf(planOf(list, block)), 'several runs in a file')
      const expected = contentOf(planOfFiles(paths))
      let level = paths
      for (const depth of [1, 2]) {
        const groups = Array.from({ length: Math.ceil(level.length / fanIn) }, (_, i) => {
          return level.slice(i * fanIn, (i + 1) * fanIn)
        })
        level = groups.map((group) => {
          const out = join(dir, `${files++}.run`)
          mergeRunFiles({ paths: group, outPath: out })
          return out
        })
        assert.deepEqual(contentOf(planOfFiles(level)), expected, `level ${depth}`)
      }
    }),
    { numRuns: 100, seed: 4 },
  )
})

/** Runs of many rows; `indexOf` makes the index bytes. */
function largeRuns(count: number, rowsEach: number, indexOf: (random: (bound: number) => number) => number): TestRun[] {
  const random = randomOf(count + rowsEach)
  return Array.from({ length: count }, (_, run) => {
    const rows = Array.from({ length: rowsEach }, (_, i) => {
      const bytes = Buffer.alloc(8)
      bytes.writeUInt32BE(indexOf(random), 4)
      return { group: random(20) === 0 ? 1 : 0, owner: run * rowsEach + i, index: bytes }
    })
    return { names: ['hot', 'rare'], rows }
  })
}

test('MergePlan.units() cuts a large group into key ranges of similar size', () => {
  const units = check(
    largeRuns(5, 3000, (random) => random(1e6)),
    16 << 10,
    1 << 10,
  )
  const ranges = units.filter(({ range }) => range !== null)
  assert.ok(ranges.length > 20, `${ranges.length} ranges`)
  const sizes = ranges.map((unit) => merged(unit).length)
  assert.ok(Math.max(...sizes) < 4 * (sizes.reduce((sum, size) => sum + size, 0) / sizes.length), sizes.join(' '))
})

test('MergePlan.units() never cuts within an index, however many rows have it', () => {
  for (const indexOf of [() => 5, (random: (bound: number) => number) => (random(10) === 0 ? random(1000) : 500)]) {
    const units = check(largeRuns(4, 3000, indexOf), 4 << 10, 1 << 9)
    const seen = new Set<string>()
    for (const unit of units) {
      const keys = new Set(merged(unit).map((text) => text.slice(0, text.lastIndexOf(' '))))
      for (const key of keys) assert.ok(!seen.has(key), key)
      for (const key of keys) seen.add(key)
    }
  }
})

test('MergePlan.units() takes small groups together and leaves out what no run has', () => {
  const list = [
    { names: ['a', 'b'], rows: [{ group: 0, owner: 0, index: Uint8Array.of(1) }] },
    { names: ['b', 'c'], rows: [] },
    { names: ['c'], rows: [{ group: 0, owner: 1, index: Uint8Array.of(0) }] },
  ]
  const units = check(list, 1 << 20, 1 << 16)
  assert.deepEqual(
    units.map(({ a }) => [...a]),
    [[0, 2]],
  )
  assert.deepEqual(check([{ names: ['a'], rows: [] }], 1 << 20, 1 << 16), [])
})

test('RunMerge gives rows of equal index in the order of the runs', () => {
  const bytes = Uint8Array.of(9)
  const list = [0, 1, 2, 3, 4].map((run) => ({
    names: ['a'],
    rows: [0, 1, 2].map((i) => ({ group: 0, owner: run * 3 + i, index: bytes })),
  }))
  const owners = planOf(list, 1 << 16)
    .units('byprop')
    .flatMap((unit) => merged(unit()))
    .map((text) => Number(text.split(' ')[2]))
  assert.deepEqual(owners, [...Array(15).keys()])
})

test('RunMerge.toRun() notes an entry point before the first row of a group and after each so many bytes', () => {
  const paths = written(
    largeRuns(3, 4000, (random) => random(500)),
    1 << 16,
  )
  const units = planOfFiles(paths)
    .units('byprop')
    .map((unit) => unit())
  const merge = new RunMerge(units[0].parts)
  for (const group of units[0].a.keys()) {
    const { rows, entries } = mergedRows(merge, countsOf(units[0], group), 1000)
    assert.ok(entries.length > 5)
    // Rows of 8 bytes of index take 42 bytes: the 24th ends a block.
    assert.deepEqual(
      entries.map(({ owner }) => owner),
      Array.from({ length: Math.ceil(rows.length / 24) }, (_, i) => 24 * i),
    )
    for (const { index: key, owner } of entries) assert.deepEqual(key, rows[owner].index)
  }
  merge.close()
})

test('mergeRunFiles() leaves no file open and nothing in the kernel when a run is damaged', () => {
  // Longer than a block, so that its footer is sound.
  const paths = written(
    largeRuns(2, 300, (random) => random(500)),
    1 << 16,
  )
  const sound = readFileSync(paths[1])
  const damaged = Buffer.from(sound)
  damaged[20] ^= 1
  writeFileSync(paths[1], damaged)
  const out = join(dir, `${files++}.run`)
  const before = readdirSync('/dev/fd').length
  for (let i = 0; i < 3; i++) {
    assert.throws(() => mergeRunFiles({ paths, outPath: out }), { code: 'ERR_DEST', message: /has another checksum/ })
  }
  assert.deepEqual([kernel().runs.size, kernel().merges.size, readdirSync('/dev/fd').length], [0, 0, before])
  writeFileSync(paths[1], sound)
  mergeRunFiles({ paths, outPath: out })
  assert.equal(
    readRunFooter(out)?.sections.byprop.counts.reduce((sum, count) => sum + count, 0),
    600,
  )
})

test('mergeRuns() says which row LMDB would refuse, and the thread goes on', async () => {
  const rows = [0, 1].map((owner) => ({ group: owner, owner, index: Uint8Array.of(7, owner) }))
  const unit = planOf([{ names: ['a', 'b'], rows }], 1 << 16).units('byprop')[0]()
  const long = { group: 0, owner: 0, index: new Uint8Array(504) }
  const longUnit = planOf([{ names: ['a'], rows: [long] }], 1 << 16).units('byprop')[0]()
  const run = (input: MergeUnit) => overWire(mergeRuns)({ ...input, ...new NullPort().input() })
  const messageOf = async (input: MergeUnit) => {
    const wire = await run(input)
    return 'error' in wire ? wire.error.message : ''
  }
  assert.match(
    await messageOf({ ...unit, a: Float64Array.of(1, 0) }),
    /key 00000000000000000701 is out of order, last key is 00000000000000010700$/,
  )
  assert.match(await messageOf(longUnit), /a key has 512 bytes, expected 1 to 511$/)
  assert.deepEqual([kernel().sinks.size, kernel().merges.size], [0, 0])
  assert.deepEqual(await run(unit), { ok: { rows: 2 } })
})

test('MergePlan.names() is in byte order, and nodedata() leads from the names of a run to it', () => {
  const lists = [
    ['b', 'a\u00ff'],
    ['a', 'b'],
    ['\u{1f600}', '\uffff'],
  ].map((list) => list.map((name) => Buffer.from(name)).sort(Buffer.compare))
  const plan = new MergePlan()
  const section = emptySection()
  const sections = Object.fromEntries(INDEX_DBS.map((db) => [db, section]))
  for (const [partition, list] of lists.entries()) {
    const nodedata = {
      names: Int32Array.from(list, (_, rank) => rank),
      starts: Float64Array.of(0),
      ends: Float64Array.of(1),
      counts: Int32Array.of(1),
    }
    const names = { propNames: byteListOf(list), tagNames: NO_NAMES, tagPropNames: NO_NAMES }
    plan.add(partition, `${partition}`, { ...names, sections, nodedata })
  }
  const props = itemsOf(plan.names().propNames)
  assert.deepEqual(
    props.map((name) => Buffer.from(name).toString()),
    ['a', 'a\u00ff', 'b', '\uffff', '\u{1f600}'],
  )
  for (const [partition, { path, abrvs }] of plan.nodedata().entries()) {
    assert.equal(path, `${partition}`)
    assert.deepEqual(
      [...abrvs].map((abrv) => Buffer.from(props[abrv])),
      lists[partition],
    )
  }
})

function emptySection(): RunSection {
  const none = new Int32Array(0)
  const nowhere = new Float64Array(0)
  return {
    starts: Float64Array.of(0),
    runEnds: Int32Array.of(0),
    a: none,
    b: none,
    counts: none,
    ends: nowhere,
    entryGroups: none,
    entryStarts: nowhere,
    entryKeys: NO_NAMES,
  }
}

import { type Buckets, bucketsOf } from '../bytes/buckets.js'
import { itemOf } from '../bytes/byte-list.js'
import { PairIndex } from '../bytes/pair-index.js'
import { INDEX_DBS, type IndexDb, keyOf, perDb } from '../layout/dest-dbs.js'
import type { MergePart, MergeUnit } from '../migrate/tasks/merge-runs.js'
import { MERGED_BLOCK_BYTES } from './merge-run-files.js'
import { type RunNames, RunNamesUnion } from './name-union.js'
import type { NodedataPlace } from './nodedata-rows.js'
import type { RunFooter } from './run-file.js'
import type { RunSection } from './section-notes.js'

/** Bytes per task: large enough for long reads even from many runs, small enough to share the work evenly. */
const UNIT_BYTES = 16 << 20
const LONG_UNIT_BLOCKS = 4

/**
 * Bytes per task when the entry points of runs are far apart. A task reads several entries of each run, so that tasks
 * read little twice.
 */
export function longUnitBytes(runs: number): number {
  return Math.max(UNIT_BYTES, runs * LONG_UNIT_BLOCKS * MERGED_BLOCK_BYTES)
}

/** Where a run has its node data, and the layer's rank for the number of each name. */
export interface NodedataSpan extends NodedataPlace {
  readonly abrvs: Float64Array
}

/** A finished run, with the plan's numbers for its names. */
interface PlannedRun {
  readonly partition: number
  readonly path: string
  readonly sections: Readonly<Record<IndexDb, PlannedSection>>
  readonly nodedata: { readonly start: number; readonly end: number }
  /** The plan's number of the name that a number of node data stands for. */
  readonly dataNames: Int32Array
}

/** What we keep of a section. Only numbers, because a layer may have thousands of groups in hundreds of runs. */
interface PlannedSection {
  /** The plan's number of each group, in row order. */
  readonly groups: Int32Array
  readonly counts: Int32Array
  /** Where the rows of each group start, and finally where those of the last group end. */
  readonly bounds: Float64Array
  /** The group at which the section starts in its file, which is what `blockGroup` counts. */
  readonly first: number
  readonly blocks: Pick<RunSection, 'blockGroup' | 'blockStart' | 'blockKeys'>
}

/** Groups of one database. `a` and `b` are the numbers of a group's names; `b` is -1 if its keys have only one. */
class Groups {
  readonly pairs = new PairIndex()
  /** Bytes of each group's rows in all runs. */
  bytes = new Float64Array(16)

  add(a: number, b: number, bytes: number): number {
    const group = this.pairs.id(a, b)
    if (group >= this.bytes.length) {
      const grown = new Float64Array(2 * this.bytes.length)
      grown.set(this.bytes)
      this.bytes = grown
    }
    this.bytes[group] += bytes
    return group
  }
}

/**
 * Cuts the rows of all runs into units for the merge. Add runs as they finish, in any order, so that little work is
 * left after the last one. Equal rows come in partition order, which is buid order.
 */
export class MergePlan {
  private readonly runs: PlannedRun[] = []
  private readonly union = new RunNamesUnion()
  private readonly groups = new Map<IndexDb, Groups>(INDEX_DBS.map((db) => [db, new Groups()]))

  /**
   * Adds the runs of a file.
   *
   * @param partition that of its first run
   * @param footer the footer of the file at `path`
   */
  add(partition: number, path: string, footer: RunFooter): void {
    const numbers = this.union.add(footer)
    const { names, starts, ends } = footer.nodedata
    const dataNames = names.map((rank) => numbers.prop[rank])
    starts.forEach((start, run) => {
      const section = (db: IndexDb) =>
        plannedSection(footer.sections[db], run, this.groupsOf(db), numbers[keyOf(db)[0]], numbers.prop)
      const sections = perDb(INDEX_DBS, section)
      this.runs.push({ partition, path, sections, nodedata: { start, end: ends[run] }, dataNames })
    })
  }

  /** All names of the layer in order. A name's index is its abbreviation, however the layer was partitioned. */
  names(): RunNames {
    return this.union.sorted()
  }

  /** The rows of one database in units of similar size, in key order. Calling a function makes its unit. */
  units(db: IndexDb, unitBytes = UNIT_BYTES): (() => MergeUnit)[] {
    const { bytes } = this.groupsOf(db)
    const ranked = this.rankedGroups(db)
    const places = new Places(this.runsInOrder(), db, bytes.length)
    const units: (() => MergeUnit)[] = []
    let start = 0
    let sum = 0
    const flush = (end: number) => {
      const own = { ...ranked, order: ranked.order.subarray(start, end) }
      if (end > start) units.push(() => groupUnit(places, own))
      start = end
      sum = 0
    }
    ranked.order.forEach((group, place) => {
      if (bytes[group] > 2 * unitBytes) {
        flush(place)
        const own = { ...ranked, order: ranked.order.subarray(place, place + 1) }
        units.push(...rangeUnits(places, own, Math.ceil(bytes[group] / unitBytes)))
        start = place + 1
        return
      }
      if (sum > 0 && sum + bytes[group] > unitBytes) flush(place)
      sum += bytes[group]
    })
    flush(ranked.order.length)
    return units
  }

  /** Node data of all runs that have any, in partition order. */
  nodedata(): NodedataSpan[] {
    const ranks = this.union.ranks('prop')
    return this.runsInOrder()
      .filter(({ nodedata }) => nodedata.end > nodedata.start)
      .map(({ path, nodedata: { start, end }, dataNames }) => {
        return { path, start, end, abrvs: Float64Array.from(dataNames, (id) => ranks[id]) }
      })
  }

  private groupsOf(db: IndexDb): Groups {
    return this.groups.get(db) as Groups
  }

  /** The runs of a file were added in order, and stay so. */
  private runsInOrder(): PlannedRun[] {
    return [...this.runs].sort((x, y) => x.partition - y.partition)
  }

  private rankedGroups(db: IndexDb): RankedGroups {
    const { pairs } = this.groupsOf(db)
    const firstRanks = this.union.ranks(keyOf(db)[0])
    const secondRanks = this.union.ranks('prop')
    const first = pairs.a.subarray(0, pairs.size).map((a) => firstRanks[a])
    const second = pairs.b.subarray(0, pairs.size).map((b) => (b < 0 ? -1 : secondRanks[b]))
    const order = first.map((_, group) => group).sort((x, y) => first[x] - first[y] || second[x] - second[y])
    return { first, second, order }
  }
}

/** Groups in key order. `first` and `second` are the abbreviations of a group; `second` is -1 if keys have only one. */
interface RankedGroups {
  readonly order: Int32Array
  readonly first: Int32Array
  readonly second: Int32Array
}

function plannedSection(
  section: RunSection,
  run: number,
  groups: Groups,
  firstNames: Int32Array,
  secondNames: Int32Array,
): PlannedSection {
  const { runEnds, a, b, counts, starts, ends, blockGroup, blockStart, blockKeys } = section
  const first = run === 0 ? 0 : runEnds[run - 1]
  const length = runEnds[run] - first
  const ids = new Int32Array(length)
  const bounds = new Float64Array(length + 1)
  for (let i = 0, at = first; i < length; i++, at++) {
    ids[i] = groups.add(firstNames[a[at]], b[at] < 0 ? -1 : secondNames[b[at]], ends[at] - starts[at])
    bounds[i] = starts[at]
    bounds[i + 1] = ends[at]
  }
  const own = counts.subarray(first, first + length)
  return { groups: ids, counts: own, bounds, first, blocks: { blockGroup, blockStart, blockKeys } }
}

/** Where each run has rows of a database's groups. */
class Places {
  private readonly buckets: Buckets

  /** @param runs in partition order */
  constructor(
    private readonly runs: readonly PlannedRun[],
    private readonly db: IndexDb,
    groups: number,
  ) {
    const lists = runs.map(({ sections }) => sections[db].groups)
    this.buckets = bucketsOf(lists, groups)
  }

  /** Calls `see` for each run that has rows of the group, in order, with the group's index there. */
  forEach(group: number, see: (run: number, section: PlannedSection, index: number) => void): void {
    const { ends, list, index } = this.buckets
    for (let place = group === 0 ? 0 : ends[group - 1]; place < ends[group]; place++) {
      const run = list[place]
      see(run, this.runs[run].sections[this.db], index[place])
    }
  }

  path(run: number): string {
    return this.runs[run].path
  }
}

function groupUnit(places: Places, { order, first, second }: RankedGroups): MergeUnit {
  const found = new Map<number, { start: number; end: number; groups: number[]; counts: number[] }>()
  order.forEach((group, g) => {
    places.forEach(group, (run, { bounds, counts }, index) => {
      let part = found.get(run)
      if (part === undefined) {
        part = { start: bounds[index], end: 0, groups: [], counts: [] }
        found.set(run, part)
      }
      part.end = bounds[index + 1]
      part.groups.push(g)
      part.counts.push(counts[index])
    })
  })
  const parts = [...found].sort(([x], [y]) => x - y)
  return {
    a: Float64Array.from(order, (group) => first[group]),
    b: Float64Array.from(order, (group) => second[group]),
    parts: parts.map(([run, { start, end, groups, counts }]): MergePart => {
      return { path: places.path(run), start, end, groups: Int32Array.from(groups), counts: Int32Array.from(counts) }
    }),
    range: null,
  }
}

/**
 * Cuts a group that is too large for one task at index bytes that its runs recorded, and never between rows with equal
 * index bytes.
 */
function rangeUnits(places: Places, ranked: RankedGroups, most: number): (() => MergeUnit)[] {
  const [group] = ranked.order
  const keys: Uint8Array[] = []
  places.forEach(group, (_, { blocks, first: before }, index) => {
    const [start, end] = blocksOf(blocks, before + index)
    for (let block = start; block < end; block++) keys.push(itemOf(blocks.blockKeys, block))
  })
  keys.sort(Buffer.compare)
  const cuts: Uint8Array[] = []
  const pieces = Math.min(keys.length, most)
  for (let piece = 1; piece < pieces; piece++) {
    const cut = keys[Math.floor((piece * keys.length) / pieces)]
    const isNew = Buffer.compare(cut, cuts.at(-1) ?? keys[0]) > 0
    if (isNew) cuts.push(cut.slice())
  }
  const borders: (Uint8Array | null)[] = [null, ...cuts, null]
  return borders.slice(0, -1).map((gte, u) => () => rangeUnit(places, ranked, gte, borders[u + 1]))
}

function rangeUnit(
  places: Places,
  { order: [group], first, second }: RankedGroups,
  gte: Uint8Array | null,
  lt: Uint8Array | null,
): MergeUnit {
  const parts: MergePart[] = []
  const none = new Int32Array(0)
  places.forEach(group, (run, { bounds, blocks, first: before }, index) => {
    const { blockStart, blockKeys } = blocks
    const [firstBlock, endBlock] = blocksOf(blocks, before + index)
    const isBelow = (block: number, border: Uint8Array) => Buffer.compare(itemOf(blockKeys, block), border) < 0
    // Rows with equal index bytes may start in the block before the first block that starts with them.
    const firstNotBelow = (start: number, border: Uint8Array) => {
      let low = start
      for (let high = endBlock; low < high; ) {
        const middle = (low + high) >> 1
        if (isBelow(middle, border)) low = middle + 1
        else high = middle
      }
      return low
    }
    const from = gte === null ? firstBlock : Math.max(firstBlock, firstNotBelow(firstBlock, gte) - 1)
    const to = lt === null ? endBlock : firstNotBelow(from, lt)
    if (to === from) return
    const end = to < endBlock ? blockStart[to] : bounds[index + 1]
    parts.push({ path: places.path(run), start: blockStart[from], end, groups: none, counts: none })
  })
  return { a: Float64Array.of(first[group]), b: Float64Array.of(second[group]), parts, range: { gte, lt } }
}

/** The blocks of group `index` of a file's section: the first one, and the one after the last. */
function blocksOf({ blockGroup }: PlannedSection['blocks'], index: number): [start: number, end: number] {
  let start = 0
  let high = blockGroup.length
  while (start < high) {
    const middle = (start + high) >> 1
    if (blockGroup[middle] < index) start = middle + 1
    else high = middle
  }
  let end = start
  while (end < blockGroup.length && blockGroup[end] === index) end++
  return [start, end]
}

import { type ByteList, byteListOf, itemOf, sliceOf } from '../bytes/byte-list.js'
import { PairIndex } from '../bytes/pair-index.js'
import { assert } from '../errors.js'
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

/** What we keep of a section. Only numbers, and narrow ones, because a layer may have thousands of groups in hundreds of runs. */
interface PlannedSection extends Entries {
  /** The plan's number of each group, in row order. */
  readonly groups: Numbers
  readonly counts: Numbers
  /** Where the rows of the first group start, and where those of each group end from there. */
  readonly start: number
  readonly ends: Numbers
}

/** Entry points into groups that have several: the index of the group, the position, the index bytes there. */
interface Entries {
  readonly entryGroups: Int32Array
  readonly entryStarts: Float64Array
  readonly entryKeys: ByteList
}

const NO_ENTRIES: Entries = {
  entryGroups: new Int32Array(0),
  entryStarts: new Float64Array(0),
  entryKeys: byteListOf([]),
}

type Numbers = Uint16Array | Uint32Array | Float64Array

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
    const { order } = ranked
    const runs = this.runsInOrder().map(({ path, sections }): SectionRun => ({ path, section: sections[db] }))
    for (const { path, section } of runs) assert(isInOrder(section, ranked), () => `run "${path}" is in another order`)
    const units: (() => MergeUnit)[] = []
    let start = 0
    let sum = 0
    const flush = (end: number) => {
      const first = start
      if (end > first) units.push(() => groupUnit(runs, ranked, first, end))
      start = end
      sum = 0
    }
    order.forEach((group, place) => {
      if (bytes[group] > 2 * unitBytes) {
        flush(place)
        units.push(...rangeUnits(runs, ranked, place, Math.ceil(bytes[group] / unitBytes)))
        start = place + 1
        return
      }
      if (sum > 0 && sum + bytes[group] > unitBytes) flush(place)
      sum += bytes[group]
    })
    flush(order.length)
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
    const places = new Int32Array(order.length)
    order.forEach((group, place) => {
      places[group] = place
    })
    return { first, second, order, places }
  }
}

/** Groups in key order. `first` and `second` are the abbreviations of a group; `second` is -1 if keys have only one. */
interface RankedGroups {
  readonly order: Int32Array
  /** The place of each group in that order. */
  readonly places: Int32Array
  readonly first: Int32Array
  readonly second: Int32Array
}

/** A run's section of the database in question. */
interface SectionRun {
  readonly path: string
  readonly section: PlannedSection
}

function plannedSection(
  section: RunSection,
  run: number,
  groups: Groups,
  firstNames: Int32Array,
  secondNames: Int32Array,
): PlannedSection {
  const { starts, runEnds, a, b, counts, ends } = section
  const first = run === 0 ? 0 : runEnds[run - 1]
  const end = runEnds[run]
  const start = starts[run]
  const ids = new Float64Array(end - first)
  for (let at = first, from = start; at < end; from = ends[at++]) {
    ids[at - first] = groups.add(firstNames[a[at]], b[at] < 0 ? -1 : secondNames[b[at]], ends[at] - from)
  }
  return {
    groups: narrowed(ids),
    counts: narrowed(Float64Array.from(counts.subarray(first, end))),
    start,
    ends: narrowed(ends.slice(first, end).map((position) => position - start)),
    ...entriesOf(section, first, end),
  }
}

/** Entry points of groups `[first, end)` of a file's section. */
function entriesOf({ entryGroups, entryStarts, entryKeys }: RunSection, first: number, end: number): Entries {
  const from = lowerBound(entryGroups.length, (entry) => entryGroups[entry] >= first)
  const to = lowerBound(entryGroups.length, (entry) => entryGroups[entry] >= end)
  if (from === to) return NO_ENTRIES
  return {
    entryGroups: entryGroups.slice(from, to).map((group) => group - first),
    entryStarts: entryStarts.slice(from, to),
    entryKeys: sliceOf(entryKeys, from, to),
  }
}

/** The same numbers in as few bytes as they need. */
function narrowed(numbers: Float64Array): Numbers {
  let most = 0
  for (let i = 0; i < numbers.length; i++) most = Math.max(most, numbers[i])
  if (most < 2 ** 16) return Uint16Array.from(numbers)
  return most < 2 ** 32 ? Uint32Array.from(numbers) : numbers
}

/** The first of `[0, end)` for which `isBehind` holds, as it does for all that follow; `end` if there is none. */
function lowerBound(end: number, isBehind: (at: number) => boolean): number {
  let low = 0
  for (let high = end; low < high; ) {
    const middle = (low + high) >> 1
    if (isBehind(middle)) high = middle
    else low = middle + 1
  }
  return low
}

/** Whether the groups of a section are in key order: otherwise we would look past rows. */
function isInOrder({ groups }: PlannedSection, { places }: RankedGroups): boolean {
  for (let i = 1; i < groups.length; i++) if (places[groups[i]] <= places[groups[i - 1]]) return false
  return true
}

/** The index of a section's first group that is at `place` or behind it: groups of a run are in key order too. */
function indexAt({ groups }: PlannedSection, { places }: RankedGroups, place: number): number {
  return lowerBound(groups.length, (index) => places[groups[index]] >= place)
}

/** The index of a section's group at `place`; -1 if it has no rows of it. */
function groupAt(section: PlannedSection, ranked: RankedGroups, place: number): number {
  const index = indexAt(section, ranked, place)
  return ranked.places[section.groups[index]] === place ? index : -1
}

/** Where the rows of a section's group `index` start; behind the last group, where its rows end. */
function positionOf({ start, ends }: PlannedSection, index: number): number {
  return index === 0 ? start : start + ends[index - 1]
}

/** The groups at `[first, end)` of the order. */
function groupUnit(runs: readonly SectionRun[], ranked: RankedGroups, first: number, end: number): MergeUnit {
  const parts: MergePart[] = []
  for (const { path, section } of runs) {
    const from = indexAt(section, ranked, first)
    const to = indexAt(section, ranked, end)
    if (from === to) continue
    parts.push({
      path,
      start: positionOf(section, from),
      end: positionOf(section, to),
      groups: Int32Array.from(section.groups.subarray(from, to), (group) => ranked.places[group] - first),
      counts: Int32Array.from(section.counts.subarray(from, to)),
    })
  }
  return { ...namesOf(ranked, first, end), parts, range: null }
}

function namesOf({ order, first, second }: RankedGroups, start: number, end: number): Pick<MergeUnit, 'a' | 'b'> {
  const groups = order.subarray(start, end)
  return {
    a: Float64Array.from(groups, (group) => first[group]),
    b: Float64Array.from(groups, (group) => second[group]),
  }
}

/**
 * Cuts a group that is too large for one task at index bytes that its runs recorded, and never between rows with equal
 * index bytes.
 */
function rangeUnits(
  runs: readonly SectionRun[],
  ranked: RankedGroups,
  place: number,
  most: number,
): (() => MergeUnit)[] {
  const keys: Uint8Array[] = []
  for (const { section } of runs) {
    const [start, end] = entriesOfGroup(section, groupAt(section, ranked, place))
    for (let entry = start; entry < end; entry++) keys.push(itemOf(section.entryKeys, entry))
  }
  keys.sort(Buffer.compare)
  const cuts: Uint8Array[] = []
  const pieces = Math.min(keys.length, most)
  for (let piece = 1; piece < pieces; piece++) {
    const cut = keys[Math.floor((piece * keys.length) / pieces)]
    const isNew = Buffer.compare(cut, cuts.at(-1) ?? keys[0]) > 0
    if (isNew) cuts.push(cut.slice())
  }
  const borders: (Uint8Array | null)[] = [null, ...cuts, null]
  return borders.slice(0, -1).map((gte, u) => () => rangeUnit(runs, ranked, place, gte, borders[u + 1]))
}

function rangeUnit(
  runs: readonly SectionRun[],
  ranked: RankedGroups,
  place: number,
  gte: Uint8Array | null,
  lt: Uint8Array | null,
): MergeUnit {
  const parts: MergePart[] = []
  const none = new Int32Array(0)
  for (const { path, section } of runs) {
    const index = groupAt(section, ranked, place)
    if (index < 0) continue
    const { entryStarts, entryKeys } = section
    const [first, behind] = entriesOfGroup(section, index)
    const firstNotBelow = (border: Uint8Array) =>
      first + lowerBound(behind - first, (at) => Buffer.compare(itemOf(entryKeys, first + at), border) >= 0)
    // Rows with equal index bytes may start in the block before the first block that starts with them.
    const from = gte === null ? first : Math.max(first, firstNotBelow(gte) - 1)
    const to = lt === null ? behind : firstNotBelow(lt)
    // A run without entry points has few rows of the group: each unit looks through them.
    if (to === from && behind > first) continue
    const start = from < behind ? entryStarts[from] : positionOf(section, index)
    const end = to < behind ? entryStarts[to] : positionOf(section, index + 1)
    parts.push({ path, start, end, groups: none, counts: none })
  }
  return { ...namesOf(ranked, place, place + 1), parts, range: { gte, lt } }
}

/** The entry points of group `index`: the first one, and the one after the last. */
function entriesOfGroup({ entryGroups }: PlannedSection, index: number): [start: number, end: number] {
  return [
    lowerBound(entryGroups.length, (entry) => entryGroups[entry] >= index),
    lowerBound(entryGroups.length, (entry) => entryGroups[entry] > index),
  ]
}

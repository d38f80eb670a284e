import { assert } from '../errors.js'
import type { RunFooter, RunSection } from '../run/run-file.js'
import type { MergePart, MergeUnit } from '../task/merge-runs.js'

/** Pages of one task; large enough to keep many runs' reads long, small enough to share the work evenly. */
const UNIT_BYTES = 16 << 20
/** Names of a run are told apart by a number below this. */
const MOST_NAMES = 2 ** 26

export type IndexDb = 'byprop' | 'byarray' | 'bytag' | 'bytagprop' | 'dataname'
export const INDEX_DBS = ['byprop', 'byarray', 'bytag', 'bytagprop', 'dataname'] as const satisfies IndexDb[]

/** All names of a layer in byte order: a name's abbreviation is its place, whatever the partitions were. */
export interface LayerNames {
  readonly props: readonly Uint8Array[]
  readonly tags: readonly Uint8Array[]
  readonly tagProps: readonly Uint8Array[]
}

/** Where a run keeps its node data, and what its ranks lead to. */
export interface NodedataSpan {
  readonly path: string
  readonly start: number
  readonly end: number
  readonly abrvs: Float64Array
}

/** A finished run, and the numbers of its names in the order in which the plan met them. */
interface PlannedRun {
  readonly partition: number
  readonly path: string
  readonly footer: RunFooter<unknown>
  readonly props: Int32Array
}

/** Rows of one abbreviation, or of one pair. */
interface Group {
  /** Numbers of the names; `b` is -1 where keys have but one. */
  readonly a: number
  readonly b: number
  readonly places: { readonly run: number; readonly index: number }[]
  bytes: number
}

/** A group whose numbers are abbreviations. */
interface RankedGroup extends Group {
  readonly firstAbrv: number
  readonly secondAbrv: number
}

/**
 * Cuts the rows of all runs into units for the merge. Runs are added as they are finished, in any order, so that little is left
 * to do behind the last one; equal rows come in the order of the partitions, which is that of the buids.
 */
export class MergePlan {
  private readonly runs: PlannedRun[] = []
  private readonly props = new NameUnion()
  private readonly tags = new NameUnion()
  private readonly tagProps = new NameUnion()
  private readonly groups = new Map<IndexDb, Map<number, Group>>(INDEX_DBS.map((db) => [db, new Map()]))

  /** @param footer that of the run file at `path` */
  add(partition: number, path: string, footer: RunFooter<unknown>): void {
    const props = this.props.add(footer.propNames)
    const tags = this.tags.add(footer.tagNames)
    const tagProps = this.tagProps.add(footer.tagPropNames)
    const run = this.runs.length
    this.runs.push({ partition, path, footer, props })
    for (const [db, groups] of this.groups) {
      const { a, b, starts, ends } = footer.sections[db]
      const first = db === 'bytag' ? tags : db === 'bytagprop' ? tagProps : props
      for (let index = 0; index < a.length; index++) {
        addPlace(groups, first[a[index]], b[index] < 0 ? -1 : props[b[index]], run, index, ends[index] - starts[index])
      }
    }
  }

  names(): LayerNames {
    return { props: this.props.sorted(), tags: this.tags.sorted(), tagProps: this.tagProps.sorted() }
  }

  /** The rows of one database in units of similar size, in key order. */
  units(db: IndexDb, unitBytes = UNIT_BYTES): MergeUnit[] {
    const units: MergeUnit[] = []
    let groups: RankedGroup[] = []
    let bytes = 0
    const flush = () => {
      if (groups.length > 0) units.push(groupUnit(db, this.runs, groups))
      groups = []
      bytes = 0
    }
    for (const group of this.rankedGroups(db)) {
      if (group.bytes > 2 * unitBytes) {
        flush()
        units.push(...rangeUnits(db, this.runs, group, unitBytes))
        continue
      }
      if (bytes > 0 && bytes + group.bytes > unitBytes) flush()
      groups.push(group)
      bytes += group.bytes
    }
    flush()
    return units
  }

  /** Node data of all runs that have any, in the order of the partitions. */
  nodedata(): NodedataSpan[] {
    const ranks = this.props.ranks()
    return [...this.runs]
      .sort((x, y) => x.partition - y.partition)
      .filter(({ footer }) => footer.nodedata.end > footer.nodedata.start)
      .map(({ path, footer: { nodedata }, props }) => {
        return { path, start: nodedata.start, end: nodedata.end, abrvs: Float64Array.from(props, (id) => ranks[id]) }
      })
  }

  private rankedGroups(db: IndexDb): RankedGroup[] {
    const first = (db === 'bytag' ? this.tags : db === 'bytagprop' ? this.tagProps : this.props).ranks()
    const second = this.props.ranks()
    const groups = [...(this.groups.get(db)?.values() ?? [])].map((group) => ({
      ...group,
      firstAbrv: first[group.a],
      secondAbrv: group.b < 0 ? -1 : second[group.b],
    }))
    return groups.sort((x, y) => x.firstAbrv - y.firstAbrv || x.secondAbrv - y.secondAbrv)
  }
}

/** Names of several runs, numbered as they are met. */
class NameUnion {
  private readonly idByName = new Map<string, number>()
  private readonly names: Uint8Array[] = []

  /** The number of each name. */
  add(names: readonly Uint8Array[]): Int32Array {
    return Int32Array.from(names, (name) => {
      const text = Buffer.from(name.buffer, name.byteOffset, name.length).toString('latin1')
      const known = this.idByName.get(text)
      if (known !== undefined) return known
      const id = this.names.push(name) - 1
      assert(id < MOST_NAMES, () => `A layer has more than ${MOST_NAMES} names`)
      this.idByName.set(text, id)
      return id
    })
  }

  sorted(): Uint8Array[] {
    return [...this.names].sort(Buffer.compare)
  }

  /** The place of each number's name in byte order. */
  ranks(): Int32Array {
    const order = this.names.map((_, id) => id).sort((x, y) => Buffer.compare(this.names[x], this.names[y]))
    const ranks = new Int32Array(order.length)
    order.forEach((id, rank) => {
      ranks[id] = rank
    })
    return ranks
  }
}

function addPlace(groups: Map<number, Group>, a: number, b: number, run: number, index: number, bytes: number): void {
  const id = a * (MOST_NAMES + 1) + b + 1
  const group = groups.get(id)
  if (group === undefined) {
    groups.set(id, { a, b, places: [{ run, index }], bytes })
    return
  }
  group.places.push({ run, index })
  group.bytes += bytes
}

function groupUnit(db: IndexDb, runs: readonly PlannedRun[], groups: readonly RankedGroup[]): MergeUnit {
  const byRun = new Map<number, { start: number; end: number; counts: Int32Array }>()
  groups.forEach((group, g) => {
    for (const { run, index } of group.places) {
      const section = runs[run].footer.sections[db]
      let found = byRun.get(run)
      if (found === undefined) {
        found = { start: section.starts[index], end: 0, counts: new Int32Array(groups.length) }
        byRun.set(run, found)
      }
      found.end = section.ends[index]
      found.counts[g] = section.counts[index]
    }
  })
  const parts = [...byRun].sort(([x], [y]) => runs[x].partition - runs[y].partition)
  return {
    a: Float64Array.from(groups, ({ firstAbrv }) => firstAbrv),
    b: Float64Array.from(groups, ({ secondAbrv }) => secondAbrv),
    parts: parts.map(([run, found]): MergePart => ({ path: runs[run].path, ...found })),
    range: null,
  }
}

/** A group too large for one task is cut at index bytes that the runs noted on their way, never within an index. */
function rangeUnits(db: IndexDb, runs: readonly PlannedRun[], group: RankedGroup, unitBytes: number): MergeUnit[] {
  const entries = group.places.flatMap(({ run, index }) => blocksOf(runs[run].footer.sections[db], index))
  const keys = entries.map((entry) => entry.key).sort(Buffer.compare)
  const cuts: Uint8Array[] = []
  const pieces = Math.min(keys.length, Math.ceil(group.bytes / unitBytes))
  for (let piece = 1; piece < pieces; piece++) {
    const cut = keys[Math.floor((piece * keys.length) / pieces)]
    const isNew = Buffer.compare(cut, cuts.at(-1) ?? keys[0]) > 0
    if (isNew) cuts.push(cut)
  }
  const borders: (Uint8Array | null)[] = [null, ...cuts, null]
  return borders.slice(0, -1).map((gte, u) => rangeUnit(db, runs, group, gte, borders[u + 1]))
}

function rangeUnit(
  db: IndexDb,
  runs: readonly PlannedRun[],
  group: RankedGroup,
  gte: Uint8Array | null,
  lt: Uint8Array | null,
): MergeUnit {
  const parts: MergePart[] = []
  const places = [...group.places].sort((x, y) => runs[x.run].partition - runs[y.run].partition)
  for (const { run, index } of places) {
    const section = runs[run].footer.sections[db]
    const blocks = blocksOf(section, index)
    // Equal index bytes may have begun in the block before the first one that starts with them.
    let first = 0
    while (gte !== null && first + 1 < blocks.length && Buffer.compare(blocks[first + 1].key, gte) < 0) first++
    let last = first
    while (last < blocks.length && (lt === null || Buffer.compare(blocks[last].key, lt) < 0)) last++
    if (last === first) continue
    const end = last < blocks.length ? blocks[last].start : section.ends[index]
    parts.push({ path: runs[run].path, start: blocks[first].start, end, counts: new Int32Array(0) })
  }
  return { a: Float64Array.of(group.firstAbrv), b: Float64Array.of(group.secondAbrv), parts, range: { gte, lt } }
}

function blocksOf(section: RunSection, index: number): { key: Uint8Array; start: number }[] {
  const { blockGroup } = section
  let low = 0
  let high = blockGroup.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (blockGroup[middle] < index) low = middle + 1
    else high = middle
  }
  const blocks: { key: Uint8Array; start: number }[] = []
  for (let i = low; i < blockGroup.length && blockGroup[i] === index; i++) {
    blocks.push({ key: section.blockKeys[i], start: section.blockStart[i] })
  }
  return blocks
}

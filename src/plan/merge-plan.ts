import type { RunFooter, RunSection } from '../run/run-file.js'
import type { MergePart, MergeUnit } from '../task/merge-runs.js'

/** Pages of one task; large enough to keep many runs' reads long, small enough to share the work evenly. */
const UNIT_BYTES = 16 << 20
/** One group's place in one run. */
interface Place {
  readonly part: number
  readonly index: number
}

/** A finished run and where its ranks lead in the layer. */
export interface MergeSource {
  readonly path: string
  readonly footer: RunFooter<unknown>
  readonly propAbrvs: Float64Array
  readonly tagAbrvs: Float64Array
  readonly tagPropAbrvs: Float64Array
}

export type IndexDb = 'byprop' | 'byarray' | 'bytag' | 'bytagprop' | 'dataname'

/** All names of the runs in byte order: a name's abbreviation is its place, whatever the partitions were. */
export function unionNames(lists: Iterable<readonly Uint8Array[]>): Uint8Array[] {
  const all = new Map<string, Uint8Array>()
  for (const list of lists) for (const name of list) all.set(Buffer.from(name).toString('latin1'), name)
  return [...all.values()].sort(Buffer.compare)
}

/** For each name of a run its place in the union; both are sorted, so this is monotonic. */
export function mapNames(names: readonly Uint8Array[], union: readonly Uint8Array[]): Float64Array {
  const abrvs = new Float64Array(names.length)
  let place = 0
  names.forEach((name, rank) => {
    while (Buffer.compare(union[place], name) !== 0) place++
    abrvs[rank] = place
  })
  return abrvs
}

/** Cuts the rows of one database into units of similar size, in key order. */
export function planMerge(db: IndexDb, sources: readonly MergeSource[], unitBytes = UNIT_BYTES): MergeUnit[] {
  const units: MergeUnit[] = []
  let groups: Group[] = []
  let bytes = 0
  const flush = () => {
    if (groups.length > 0) units.push(groupUnit(db, sources, groups))
    groups = []
    bytes = 0
  }
  for (const group of listGroups(db, sources)) {
    if (group.bytes > 2 * unitBytes) {
      flush()
      units.push(...rangeUnits(db, sources, group, unitBytes))
      continue
    }
    if (bytes > 0 && bytes + group.bytes > unitBytes) flush()
    groups.push(group)
    bytes += group.bytes
  }
  flush()
  return units
}

interface Group {
  readonly a: number
  readonly b: number
  readonly places: Place[]
  bytes: number
}

function listGroups(db: IndexDb, sources: readonly MergeSource[]): Group[] {
  const groups = new Map<string, Group>()
  sources.forEach((source, part) => {
    const section = source.footer.sections[db]
    const first = db === 'bytag' ? source.tagAbrvs : db === 'bytagprop' ? source.tagPropAbrvs : source.propAbrvs
    for (let index = 0; index < section.a.length; index++) {
      const a = first[section.a[index]]
      const b = section.b[index] < 0 ? -1 : source.propAbrvs[section.b[index]]
      const id = `${a} ${b}`
      let group = groups.get(id)
      if (group === undefined) {
        group = { a, b, places: [], bytes: 0 }
        groups.set(id, group)
      }
      group.places.push({ part, index })
      group.bytes += section.ends[index] - section.starts[index]
    }
  })
  return [...groups.values()].sort((x, y) => x.a - y.a || x.b - y.b)
}

function groupUnit(db: IndexDb, sources: readonly MergeSource[], groups: readonly Group[]): MergeUnit {
  const byPart = new Map<number, { start: number; end: number; counts: Int32Array }>()
  groups.forEach((group, g) => {
    for (const { part, index } of group.places) {
      const section = sources[part].footer.sections[db]
      let found = byPart.get(part)
      if (found === undefined) {
        found = { start: section.starts[index], end: 0, counts: new Int32Array(groups.length) }
        byPart.set(part, found)
      }
      found.end = section.ends[index]
      found.counts[g] = section.counts[index]
    }
  })
  const parts = [...byPart].sort(([x], [y]) => x - y)
  return {
    a: Float64Array.from(groups, (group) => group.a),
    b: Float64Array.from(groups, (group) => group.b),
    parts: parts.map(([part, found]): MergePart => ({ path: sources[part].path, ...found })),
    range: null,
  }
}

/** A group too large for one task is cut at index bytes that the runs noted on their way, never within an index. */
function rangeUnits(db: IndexDb, sources: readonly MergeSource[], group: Group, unitBytes: number): MergeUnit[] {
  const entries = group.places.flatMap(({ part, index }) => blocksOf(sources[part].footer.sections[db], index))
  const keys = entries.map((entry) => entry.key).sort(Buffer.compare)
  const cuts: Uint8Array[] = []
  const pieces = Math.min(keys.length, Math.ceil(group.bytes / unitBytes))
  for (let piece = 1; piece < pieces; piece++) {
    const cut = keys[Math.floor((piece * keys.length) / pieces)]
    const isNew = Buffer.compare(cut, cuts.at(-1) ?? keys[0]) > 0
    if (isNew) cuts.push(cut)
  }
  const borders: (Uint8Array | null)[] = [null, ...cuts, null]
  return borders.slice(0, -1).map((gte, u) => rangeUnit(db, sources, group, gte, borders[u + 1]))
}

function rangeUnit(
  db: IndexDb,
  sources: readonly MergeSource[],
  group: Group,
  gte: Uint8Array | null,
  lt: Uint8Array | null,
): MergeUnit {
  const parts: MergePart[] = []
  for (const { part, index } of group.places) {
    const section = sources[part].footer.sections[db]
    const blocks = blocksOf(section, index)
    // Equal index bytes may have begun in the block before the first one that starts with them.
    let first = 0
    while (gte !== null && first + 1 < blocks.length && Buffer.compare(blocks[first + 1].key, gte) < 0) first++
    let last = first
    while (last < blocks.length && (lt === null || Buffer.compare(blocks[last].key, lt) < 0)) last++
    if (last === first) continue
    const end = last < blocks.length ? blocks[last].start : section.ends[index]
    parts.push({ path: sources[part].path, start: blocks[first].start, end, counts: new Int32Array(0) })
  }
  return { a: Float64Array.of(group.a), b: Float64Array.of(group.b), parts, range: { gte, lt } }
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

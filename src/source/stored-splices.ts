import { buid as buidOf } from '../bytes/hash.js'
import { hexBytes } from '../bytes/hex.js'
import { decodeOr, encode, PackMap, type Value } from '../bytes/msgpack.js'
import { cortexPaths } from '../layout/paths.js'
import { type DbReader, SlabReader } from '../page/page-reader.js'
import { readSettled } from '../slab/read-settled.js'
import type { SourceCortex } from './cortex-dir.js'
import { findNodeRows, spliceRows } from './source-dbs.js'

/** How many of the last splices to look at. */
const MOST_SPLICES = 100_000
const SPLICES_AT_ONCE = 1_024
/** So many rows must prove that the nodes have all splices before. */
const PROOFS = 8
/** Rows that lack nothing: each may cost a read of a slow disk, as after a bulk delete. */
const MOST_ROWS = 2_000

/** What a splice did to a row of its node. */
interface Effect {
  readonly row: string
  /** Null: the row is gone. */
  readonly value: Value | null
  /** What it was before, if anything; in a fork it may have been in a layer below. */
  readonly before: Value | null
}

/** The splices of a layer, for whoever asks which of them its nodes have. */
export interface WrittenSplices {
  /** The Cortex. */
  readonly dir: string
  readonly iden: string
  /** The offset of the next splice. */
  readonly nextSplice: number
  /** Idens of the users that the Cortex knows. */
  readonly users: readonly string[]
}

/** The splices of a layer that is read in `dir`. */
export function writtenSplices(
  { hive }: Pick<SourceCortex, 'hive'>,
  layer: Omit<WrittenSplices, 'users'>,
): WrittenSplices {
  return { ...layer, users: hive.children(['auth', 'users']) }
}

/**
 * The offset of the first splice whose effect the nodes of a layer lack, where a sync has to start; `nextSplice` when
 * they have all. A Cortex commits nodes and splices separately, and a backup of one that runs copies them one after
 * the other: nodes that were copied first lack what the last splices did. A row lacks a splice when it is as it was
 * before, or not there. With any other value it tells nothing: it has changed since without a splice, as with splices
 * switched off, and pushing the older value would undo that. Splices of users that the Cortex does not know tell nothing
 * either: it has not made them.
 */
export function firstUnstoredSplice({ dir, iden, nextSplice, users: known }: WrittenSplices): number {
  const { slab } = cortexPaths(dir).layer(iden)
  const users = new Set<unknown>(known)
  if (!SlabReader.exists(slab('layer'))) return nextSplice
  return readSettled(slab('splices'), (splices) =>
    readSettled(slab('layer'), (layer) => {
      const [log, nodes] = [spliceRows(splices), findNodeRows(layer)]
      return log === undefined || nodes === undefined ? nextSplice : firstLacking(log, nodes, nextSplice, users)
    }),
  )
}

/** The same, for databases. */
export function firstLacking(
  log: Pick<DbReader, 'rows'>,
  nodes: Pick<DbReader, 'get'>,
  nextSplice: number,
  users: ReadonlySet<unknown>,
): number {
  const changedLater = new Set<string>()
  /** Rows that are not as their last splice left them, but may be as an earlier one did. */
  const odd = new Map<string, Value>()
  let first = nextSplice
  let proofs = 0
  let rows = 0
  for (const [changes, before] of lastChanges(log, nextSplice, users)) {
    const times = new Map<string, number>()
    for (const { places } of [...changes, ...before]) times.set(places[0], (times.get(places[0]) ?? 0) + 1)
    for (const { offset, buid, effect, places } of changes) {
      const [row] = places
      const isLast = !places.some((place) => changedLater.has(place))
      changedLater.add(row)
      const stored = isLast ? storedValue(nodes, buid, effect.row) : odd.get(row)
      if (stored === undefined) continue
      const isDone = isSame(stored, effect.value)
      if (stored === null ? !isDone : isSame(stored, effect.before) || (isDone && !isLast)) {
        first = offset
        proofs = 0
        rows = 0
        odd.delete(row)
        continue
      }
      if (isLast && ++rows === MOST_ROWS) return first
      if (!isDone) odd.set(row, stored as Value)
      // A row that is gone may never have been in this layer, and one that changes often may have had this value before.
      else if (stored !== null && times.get(row) === 1 && ++proofs === PROOFS) return first
    }
  }
  return first
}

interface Change {
  readonly offset: number
  readonly buid: Uint8Array
  readonly effect: Effect
  /** The row, and the tag that takes its tag props along when it goes. */
  readonly places: readonly string[]
}

/** What the last splices did, newest first, some at a time, each time with those before. */
function* lastChanges(
  log: Pick<DbReader, 'rows'>,
  nextSplice: number,
  users: ReadonlySet<unknown>,
): Generator<readonly [changes: readonly Change[], before: readonly Change[]]> {
  const least = Math.max(0, nextSplice - MOST_SPLICES)
  const read = (end: number) => changesOf(log, Math.max(least, end - SPLICES_AT_ONCE), end, users)
  let changes = read(nextSplice)
  for (let end = nextSplice - SPLICES_AT_ONCE; end > least - SPLICES_AT_ONCE; end -= SPLICES_AT_ONCE) {
    const before = end > least ? read(end) : []
    yield [changes, before]
    changes = before
  }
}

function changesOf(
  log: Pick<DbReader, 'rows'>,
  start: number,
  end: number,
  users: ReadonlySet<unknown>,
): readonly Change[] {
  const changes: Change[] = []
  for (const { key, value } of log.rows(offsetKey(start), offsetKey(end))) {
    const found = effectOf(decodeOr(undefined, value), users)
    if (found === null || key.length !== 8) continue
    const offset = Number(Buffer.from(key).readBigUInt64BE())
    changes.push({ ...found, offset, places: placesOf(found.buid, found.effect.row) })
  }
  return changes.reverse()
}

/** Null when it is no splice of this Cortex. */
function effectOf(
  splice: Value | undefined,
  users: ReadonlySet<unknown>,
): { readonly buid: Uint8Array; readonly effect: Effect } | null {
  if (!Array.isArray(splice) || !(splice[1] instanceof PackMap)) return null
  const [type, info] = splice as [Value, PackMap]
  const ndef = info.get('ndef')
  if (!Array.isArray(ndef) || ndef.length !== 2 || !users.has(info.get('user'))) return null
  const effect = rowOf(String(type), info, ndef)
  return effect === null ? null : { buid: buidOf(ndef), effect }
}

function rowOf(type: string, info: PackMap, [form, formValue]: readonly Value[]): Effect | null {
  const [valu, prop, tag, oldv, curv] = ['valu', 'prop', 'tag', 'oldv', 'curv'].map((name) => info.get(name) ?? null)
  switch (type) {
    case 'node:add':
      return { row: `*${form}`, value: formValue, before: null }
    case 'node:del':
      return { row: `*${form}`, value: null, before: formValue }
    case 'prop:set':
      return { row: String(prop), value: valu, before: oldv }
    case 'prop:del':
      return { row: String(prop), value: null, before: valu }
    case 'tag:add':
      return { row: `#${tag}`, value: valu, before: oldv }
    case 'tag:del':
      return { row: `#${tag}`, value: null, before: valu }
    case 'tag:prop:set':
      return { row: `#${tag}:${prop}`, value: valu, before: curv }
    case 'tag:prop:del':
      return { row: `#${tag}:${prop}`, value: null, before: valu }
    default:
      return null
  }
}

function placesOf(buid: Uint8Array, row: string): string[] {
  const colon = row.startsWith('#') ? row.indexOf(':') : -1
  const rows = colon < 0 ? [row] : [row, row.slice(0, colon)]
  return rows.map((name) => `${hexBytes(buid)}${name}`)
}

/** Null when there is no such row. */
function storedValue(nodes: Pick<DbReader, 'get'>, buid: Uint8Array, row: string): Value | null {
  const stored = nodes.get(Buffer.concat([buid, Buffer.from(row)]))
  const pair = stored === undefined ? undefined : decodeOr(undefined, stored)
  return Array.isArray(pair) ? pair[0] : null
}

function isSame(a: Value | null, b: Value | null): boolean {
  return Buffer.compare(encode(a), encode(b)) === 0
}

function offsetKey(offset: number): Uint8Array {
  const key = Buffer.alloc(8)
  key.writeBigUInt64BE(BigInt(offset))
  return key
}

import { decodeOr, encode, type Value } from '../bytes/msgpack.js'
import { errorsOf } from '../dest/error-records.js'
import { NO_SPLICE_LOG } from '../layout/error-record.js'
import { SOURCE_LAYER_VERSION } from '../layout/source-layer.js'
import { LAYER_STEPS } from '../step/context.js'
import type { CellDifference } from './cell-rows.js'
import { ANY_TIME } from './expected-cell.js'
import type { LayerCounts } from './layer-state.js'

/** What the source and its comparison say about one layer. */
export interface LayerFacts {
  readonly iden: string
  /** The first splice that is not in the migrated nodes; null without a log of splices. */
  readonly nextSplice: number | null
  /** Where a sync starts. */
  readonly nextOffset: number
  readonly withNodes: boolean
  readonly withNodedata: boolean
  readonly withSplices: boolean
  /** Null when we did not read all nodes; what depends on it is then not compared. */
  readonly counts: LayerCounts | null
}

export interface LayerRecords {
  /** Rows that were looked at. */
  readonly rows: number
  readonly differences: readonly CellDifference[]
}

/**
 * Compares what the migration log says about layers: versions, offsets, statistics, completed steps, and which layers
 * have errors.
 *
 * @param log rows by key, which is `step NUL type NUL key` as latin1
 */
export function layerRecords(log: ReadonlyMap<string, Uint8Array>, layers: readonly LayerFacts[]): LayerRecords {
  const expected = new Map(layers.flatMap((layer) => [...expectedRows(layer)]))
  const uncounted = layers.filter(({ counts }) => counts === null).map(({ iden }) => iden)
  const differences: CellDifference[] = []
  const differs = (kind: CellDifference['kind'], key: string, wanted: Value | null, found: Uint8Array | null) => {
    const row = key.replaceAll('\0', ' ')
    const bytes = wanted === null ? null : encode(wanted)
    differences.push({ kind, place: 'migr.lmdb', buid: null, row, expected: bytes, found })
  }
  for (const [key, wanted] of expected) {
    const found = log.get(key)
    if (found === undefined) differs('missing', key, wanted, null)
    else if (!isLike(wanted, decodeOr(null, found))) differs('different', key, wanted, found)
  }
  const idens = new Set(layers.map(({ iden }) => iden))
  let rows = expected.size
  for (const [key, found] of log) {
    const [step, type, what] = key.split('\0')
    if (!LAYER_STEPS.some((name) => name === step) || expected.has(key)) continue
    // The comparison of the layer's nodes and splices checks what they hold.
    if (type === 'error' && isErrorOf(idens, step, found)) continue
    if (uncounted.some((iden) => what.startsWith(iden))) continue
    rows++
    differs('extra', key, null, found)
  }
  return { rows, differences }
}

/** Whether an error record, and all others under its key, belong to migrated layers. */
function isErrorOf(layers: ReadonlySet<string>, migrop: string, bytes: Uint8Array): boolean {
  const errors = [...errorsOf({ migrop, key: '', val: decodeOr(null, bytes) })]
  return errors.every(({ layer }) => layer !== null && layers.has(layer))
}

function* expectedRows(layer: LayerFacts): Generator<[string, Value]> {
  const { iden, nextSplice, nextOffset, withNodes, withNodedata, withSplices, counts } = layer
  if (withNodes) {
    yield [`nodes\0vers\0${iden}`, [...SOURCE_LAYER_VERSION]]
    yield [`nodes\0nextoffs\0${iden}`, [nextOffset, ANY_TIME]]
    yield [`nodes\0prog\0${iden}`, ANY_TIME]
    if (counts !== null) yield* nodeCounts(iden, counts)
  }
  if (withNodedata) {
    yield [`nodedata\0prog\0${iden}`, ANY_TIME]
    if (counts !== null) {
      yield [`nodedata\0stat\0${iden}:totnodes`, [counts.nodedata, counts.nodedataMigrated]]
      yield [`nodedata\0stat\0${iden}:duration`, [counts.nodedata, ANY_TIME]]
    }
  }
  if (withSplices && nextSplice !== null) yield [`splices\0prog\0${iden}`, ANY_TIME]
  if (withSplices && nextSplice === null) yield [`splices\0error\0${iden}`, NO_SPLICE_LOG]
}

function* nodeCounts(iden: string, { nodes, sourceForms, forms, lastBuid }: LayerCounts): Generator<[string, Value]> {
  for (const form of new Set([...sourceForms.keys(), ...forms.keys()])) {
    const key = Buffer.from(`${iden}:form:${form}`).toString('latin1')
    yield [`nodes\0stat\0${key}`, [sourceForms.get(form) ?? 0, forms.get(form) ?? 0]]
  }
  const total = [...forms.values()].reduce((sum, count) => sum + count, 0)
  yield [`nodes\0stat\0${iden}:totnodes`, [nodes, total]]
  yield [`nodes\0stat\0${iden}:duration`, [nodes, ANY_TIME]]
  yield [`nodes\0chkpnt\0${iden}`, [lastBuid, nodes + 1, ANY_TIME]]
}

/** Whether a value is the expected one; any time or duration is fine. */
function isLike(wanted: Value, found: Value): boolean {
  if (wanted === ANY_TIME) return typeof found === 'number' && Number.isInteger(found) && found >= 0
  if (Array.isArray(wanted))
    return Array.isArray(found) && found.length === wanted.length && wanted.every((item, i) => isLike(item, found[i]))
  return Buffer.compare(encode(wanted), encode(found)) === 0
}

import { BUID_BYTES } from '../bytes/buid.js'
import { encode } from '../bytes/msgpack.js'
import { MODEL_VERSION_KEY, SOURCE_DBS, SOURCE_LAYER_VERSION } from '../layout/source-layer.js'
import type { Model } from '../model/model.js'
import type { DbReader, SlabReader } from '../page/page-reader.js'
import type { RowCursor } from '../page/row-cursor.js'
import { ChangedNodes, NodeRows } from './changed-nodes.js'
import type { MovedBuids } from './moved-buids.js'
import { buidOf, ndefOf, type OldRow, upgradedNdef, upgradedRows } from './old-node.js'
import type { LayerRevision } from './revision.js'
import { rewriteSlab } from './rewrite-slab.js'

/** The msgpack of `[buid]`, the value in `byprop`, has this many bytes before the buid. */
const BUID_ROW_HEAD = 3
/** The dbs of `layer.lmdb` that a migration reads. The others are indexes, or have moved to other slabs since. */
const KEPT_DBS: ReadonlySet<string> = new Set([SOURCE_DBS.nodes.db, SOURCE_DBS.offsets.db, 'meta'])

/** A layer, and the revisions that it still needs. */
export interface OldLayer {
  readonly revisions: readonly LayerRevision[]
  readonly layer: SlabReader
  readonly nodedata: SlabReader | null
}

/** Records the new places of nodes whose own value changes. */
export function findMoved(model: Model, { revisions, layer }: OldLayer, moved: MovedBuids): void {
  const rows = new NodeRows(layer)
  for (const [form, prop] of touched(model, revisions)) {
    if (prop !== '') continue
    for (const buid of indexed(layer.db('byprop'), form, prop)) {
      const ndef = rows
        .of(buid)
        .map(ndefOf)
        .find((found) => found !== null)
      if (ndef === undefined || ndef === null) continue
      const after = buidOf(upgradedNdef(model, revisions, ndef))
      if (Buffer.compare(after, buidOf(ndef)) !== 0) moved.add(buid, after)
    }
  }
}

/** Which nodes of a layer change, in each of its slabs. */
export interface LayerChanges {
  readonly nodes: ChangedNodes
  readonly data: ChangedNodes
}

/** Finds the nodes that the layer's revisions change, and those that another layer has moved. */
export function layerChanges(model: Model, old: OldLayer, moved: MovedBuids): LayerChanges {
  const { revisions, layer, nodedata } = old
  const changes: LayerChanges = { nodes: new ChangedNodes(), data: new ChangedNodes() }
  const nodes = new NodeRows(layer)
  const data = nodedata === null ? null : new NodeRows(nodedata)
  for (const [form, prop] of touched(model, revisions)) {
    for (const buid of indexed(layer.db('byprop'), form, prop)) {
      if (changes.nodes.has(buid)) continue
      const to = moved.get(buid) ?? buid
      const before = nodes.of(buid)
      const after = upgradedRows(model, revisions, form, before)
      if (to !== buid || after.some((row, i) => row !== before[i])) changes.nodes.add(buid, to, form)
    }
  }
  for (const buid of moved.buids()) {
    const to = moved.get(buid) ?? buid
    if (!changes.nodes.has(buid) && nodes.of(buid).length > 0) changes.nodes.add(buid, to, null)
    if (data !== null && data.of(buid).length > 0) changes.data.add(buid, to, null)
  }
  return changes
}

/** Writes the layer's `layer.lmdb` with its changes. */
export function rewriteLayer(model: Model, { layer, revisions }: OldLayer, dir: string, nodes: ChangedNodes): void {
  const upgrade = (form: string, rows: readonly OldRow[]) => upgradedRows(model, revisions, form, rows)
  rewriteSlab(layer, dir, {
    keeps: (db) => KEPT_DBS.has(db),
    rows: new Map([[SOURCE_DBS.nodes.db, (put) => nodes.write(layer, upgrade, put)]]),
    main: [[MODEL_VERSION_KEY, encode([...SOURCE_LAYER_VERSION])]],
  })
}

/** Writes the layer's `nodedata.lmdb` with its changes. */
export function rewriteNodedata(nodedata: SlabReader, dir: string, data: ChangedNodes): void {
  rewriteSlab(nodedata, dir, {
    keeps: (db) => db === SOURCE_DBS.nodedata.db,
    rows: new Map([[SOURCE_DBS.nodedata.db, (put) => data.write(nodedata, (_, rows) => rows, put)]]),
  })
}

function* touched(model: Model, revisions: readonly LayerRevision[]) {
  for (const revision of revisions) yield* revision.touches(model)
}

/** Buids under `form NUL prop NUL` of `byprop`. */
function* indexed(byprop: DbReader | undefined, form: string, prop: string): Generator<Uint8Array> {
  const prefix = Buffer.from(`${form}\0${prop}\0`)
  const cursor = byprop?.cursor()
  if (cursor === undefined) return
  for (let more = cursor.seek(prefix); more && startsWith(cursor, prefix); more = cursor.next()) {
    const value = cursor.value()
    if (value.length === BUID_ROW_HEAD + BUID_BYTES) yield value.subarray(BUID_ROW_HEAD)
  }
}

function startsWith({ buf, keyStart, keyEnd }: RowCursor, prefix: Uint8Array): boolean {
  if (keyEnd - keyStart < prefix.length) return false
  for (let i = 0; i < prefix.length; i++) if (buf[keyStart + i] !== prefix[i]) return false
  return true
}

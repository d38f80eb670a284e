import { BUID_BYTES } from '../bytes/buid.js'
import { decode, utf8, type Value } from '../bytes/msgpack.js'
import { cortexPaths } from '../layout/paths.js'
import { SlabReader } from '../page/page-reader.js'
import type { RowCursor } from '../page/row-cursor.js'
import { Flag } from '../translate/node-rows.js'
import type { EditBatch } from './nexus-log.js'

interface Row {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** Edit kinds of a 0.2.x node edit. */
const Edit = { nodeAdd: 0, propSet: 2, tagSet: 4, tagPropSet: 6, nodedataSet: 8 } as const

interface BatchOptions {
  readonly batchSize: number
  readonly userIden: string
  readonly now: () => number
}

/**
 * The node edits that recreate a migrated layer, in batches: first nodes in buid order, then node data.
 * `--add-mode nexus` puts them into the nexus log.
 *
 * @param which only some nodes: buids of nodes, and of nodes with node data; default: all
 */
export function* nexusEdits(
  destDir: string,
  layerIden: string,
  { batchSize, userIden, now }: BatchOptions,
  which?: { readonly nodes: readonly Uint8Array[]; readonly nodedata: readonly Uint8Array[] },
): Generator<EditBatch> {
  const layer = SlabReader.open(cortexPaths(destDir).layer(layerIden).slab('layer_v2'))
  const nodedata = SlabReader.open(cortexPaths(destDir).layer(layerIden).slab('nodedata'))
  try {
    const kinds =
      which === undefined
        ? [nodeEdits(layer), nodedataEdits(layer, nodedata)]
        : [
            each(which.nodes, (buid) => nodeEdits(layer, buid)),
            each(which.nodedata, (buid) => nodedataEdits(layer, nodedata, buid)),
          ]
    for (const edits of kinds) {
      let batch: Value[] = []
      const take = (): EditBatch => ({ layerIden, nodeEdits: batch, timeMs: now(), userIden })
      for (const edit of edits) {
        batch.push(edit)
        if (batch.length < batchSize) continue
        yield take()
        batch = []
      }
      if (batch.length > 0) yield take()
    }
  } finally {
    layer.close()
    nodedata.close()
  }
}

function* each(buids: readonly Uint8Array[], edits: (buid: Uint8Array) => Generator<Value>): Generator<Value> {
  for (const buid of buids) yield* edits(buid)
}

/** @param only the one node to take; null for all */
function* nodeEdits(layer: SlabReader, only: Uint8Array | null = null): Generator<Value> {
  const cursor = layer.db('bybuid')?.cursor()
  if (cursor === undefined) return
  let more = cursor.seek(only, only)
  while (more) {
    const buid = cursor.key().slice(0, BUID_BYTES)
    if (only !== null && Buffer.compare(buid, only) !== 0) return
    const edits: Value[] = []
    let form = ''
    do {
      const key = cursor.key()
      const edit = editOf(key, cursor)
      if (edit !== null) edits.push(edit)
      if (key[BUID_BYTES] === Flag.ndef) form = String((decode(cursor.value()) as Value[])[0])
      if (key[BUID_BYTES] === Flag.form) form = Buffer.from(cursor.value()).toString('utf8')
      more = cursor.next()
    } while (more && Buffer.compare(cursor.key().subarray(0, BUID_BYTES), buid) === 0)
    if (edits.length > 0) yield [buid, form, edits]
  }
}

function editOf(key: Uint8Array, cursor: RowCursor): Value | null {
  const name = Buffer.from(key.subarray(BUID_BYTES + 1)).toString('utf8')
  const value = () => decode(cursor.value())
  switch (key[BUID_BYTES]) {
    case Flag.ndef: {
      const [, valu, stortype] = value() as Value[]
      return [Edit.nodeAdd, [valu, stortype], []]
    }
    case Flag.prop: {
      const [valu, stortype] = value() as Value[]
      return [Edit.propSet, [name, valu, null, stortype], []]
    }
    case Flag.tag:
      return [Edit.tagSet, [name, value(), null], []]
    case Flag.tagProp: {
      const [valu, stortype] = value() as Value[]
      const colon = name.indexOf(':')
      return [Edit.tagPropSet, [name.slice(0, colon), name.slice(colon + 1), valu, null, stortype], []]
    }
    default:
      return null
  }
}

function* nodedataEdits(layer: SlabReader, nodedata: SlabReader, only: Uint8Array | null = null): Generator<Value> {
  const names = new Map<string, Value>()
  for (const { key, value } of layer.db('propabrv:abrv2byts')?.rows() ?? []) {
    names.set(Buffer.from(key).toString('hex'), (decode(value) as Value[])[0])
  }
  for (const rows of byBuid(nodedata.db('nodedata')?.rows(only) ?? [])) {
    const buid = rows[0].key.slice(0, BUID_BYTES)
    if (only !== null && Buffer.compare(buid, only) !== 0) return
    const formKey = Buffer.concat([buid, Buffer.of(Flag.form)])
    const form = Buffer.from(layer.db('bybuid')?.get(formKey) ?? []).toString('utf8')
    const named = rows.map(({ key, value }) => {
      const name = names.get(Buffer.from(key.subarray(BUID_BYTES)).toString('hex')) ?? null
      return { name, bytes: utf8(String(name)), value }
    })
    // The source sorts them by name, a 0.2.x layer by the number of the name.
    named.sort((a, b) => Buffer.compare(a.bytes, b.bytes))
    for (const { name, value } of named) {
      yield [buid, form, [[Edit.nodedataSet, [name, decode(value), null], []]]]
    }
  }
}

/** Groups rows by buid. */
function* byBuid(rows: Iterable<Row>): Generator<Row[]> {
  let same: Row[] = []
  for (const row of rows) {
    const isSame =
      same.length === 0 || Buffer.compare(row.key.subarray(0, BUID_BYTES), same[0].key.subarray(0, BUID_BYTES)) === 0
    if (!isSame) {
      yield same
      same = []
    }
    same.push(row)
  }
  if (same.length > 0) yield same
}

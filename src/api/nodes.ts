import { join } from 'node:path'
import { BUID_BYTES } from '../bytes/buid.js'
import { decode, type Value } from '../bytes/msgpack.js'
import { MigrationError } from '../errors.js'
import { SlabReader } from '../page/page-reader.js'
import { RowKind, SourceNode, strictText } from '../translate/source-node.js'

/** How many nodes to read between two turns of the event loop, because reading them does not wait. */
const NODES_PER_TURN = 1000

/** A node in a 0.1.x layer. Values are those of msgpack; see `Value`. */
export interface LayerNode {
  /** In hex. */
  readonly buid: string
  /** Null when the node's form row is in another layer. */
  readonly form: string | null
  readonly value: Value
  /** Universal properties start with a dot. */
  readonly props: ReadonlyMap<string, Value>
  readonly tags: ReadonlyMap<string, Value>
  /** Properties of tags, by tag. */
  readonly tagProps: ReadonlyMap<string, ReadonlyMap<string, Value>>
  /** Rows that cannot be decoded, as raw bytes of name and value. */
  readonly raw: readonly (readonly [Uint8Array, Uint8Array])[]
}

/**
 * The nodes of a 0.1.x layer in the order of their buids. Reads the pages without opening LMDB.
 *
 * @param layerDir directory of the layer, `<cortex>/layers/<iden>`
 * @throws {MigrationError} when there is no slab of nodes, when it is damaged, or when someone wrote to it in the
 *   meantime
 */
export async function* nodes(layerDir: string): AsyncGenerator<LayerNode> {
  const path = join(layerDir, 'layer.lmdb')
  if (!SlabReader.exists(path)) {
    throw new MigrationError('ERR_SOURCE', `Cannot read nodes of "${layerDir}": there is no ${path}`, {
      hint: 'Give the directory of a layer of 0.1.x, as <cortex>/layers/<iden>',
    })
  }
  const slab = SlabReader.open(path)
  try {
    let read = 0
    for (const node of nodesOf(slab)) {
      yield node
      if (++read % NODES_PER_TURN === 0) await new Promise(setImmediate)
    }
    slab.assertUnchanged()
  } finally {
    slab.close()
  }
}

function* nodesOf(slab: SlabReader): Generator<LayerNode> {
  const cursor = slab.db('bybuid')?.cursor()
  if (cursor === undefined) return
  const rows = new SourceNode()
  for (let more = cursor.seek(null); more; ) {
    if (cursor.keyEnd - cursor.keyStart <= BUID_BYTES) {
      more = cursor.next()
      continue
    }
    rows.begin(cursor.buf, cursor.keyStart)
    while (more && rows.has(cursor.buf, cursor.keyStart)) {
      const { buf, keyStart, keyEnd, valueBuf, valueStart, valueEnd } = cursor
      rows.add(buf, keyStart + BUID_BYTES, keyEnd, valueBuf, valueStart, valueEnd)
      more = cursor.next()
    }
    yield layerNode(rows)
  }
}

function layerNode(rows: SourceNode): LayerNode {
  let [form, value]: [string | null, Value] = [null, null]
  const [props, tags] = [new Map<string, Value>(), new Map<string, Value>()]
  const tagProps = new Map<string, Map<string, Value>>()
  const raw: [Uint8Array, Uint8Array][] = []
  for (let i = 0; i < rows.count; i++) {
    const name = strictText(rows.name(i))
    const valu = valuOf(rows, i)
    if (name === null || valu === undefined) {
      raw.push([Uint8Array.from(rows.name(i)), rows.rowBuf[i].slice(rows.rowStart[i], rows.rowEnd[i])])
      continue
    }
    const kind = rows.kinds[i]
    if (kind === RowKind.form) [form, value] = [name.slice(1), valu]
    else if (kind === RowKind.prop) props.set(name, valu)
    else if (kind === RowKind.tag) tags.set(name.slice(1), valu)
    else {
      const [tag, prop] = [name.slice(1, name.indexOf(':')), name.slice(name.indexOf(':') + 1)]
      tagProps.set(tag, (tagProps.get(tag) ?? new Map<string, Value>()).set(prop, valu))
    }
  }
  return { buid: rows.buid.toString('hex'), form, value, props, tags, tagProps, raw }
}

/** Undefined when the row cannot be decoded. */
function valuOf(rows: SourceNode, i: number): Value | undefined {
  try {
    return decode(rows.rowBuf[i], rows.valuStart(i), rows.valuEnd(i))
  } catch {
    return undefined
  }
}

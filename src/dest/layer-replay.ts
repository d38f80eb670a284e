import { statSync } from 'node:fs'
import { join } from 'node:path'
import { ABRV_SPACES, type KeyName, NODE_INDEX_DBS, type NodeIndexDb, perDb } from '../layout/dest-dbs.js'
import { cortexPaths, type LayerSlab } from '../layout/paths.js'
import { type Db, Slab } from '../slab/slab.js'
import type { PackedRecord } from '../thread/chunk-sender.js'

/** Address space beyond the size of the slabs. It costs no memory. */
const SPARE_BYTES = 2 ** 36

/** A row of an index database, with names in place of abbreviations. */
export interface ReplayedIndexRow {
  readonly db: NodeIndexDb
  /** What the key starts with: a tag, or the msgpack of `[form, prop]` or `[form, tag, prop]`. */
  readonly names: readonly { readonly kind: KeyName; readonly name: Uint8Array }[]
  readonly index: Uint8Array
}

/** The result of trying a node again. */
export interface ReplayedNode {
  readonly buid: Uint8Array
  /** Rows of `bybuid`. */
  readonly rows: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[]
  /** The form to count it under; null when it has no form row here, or failed again. */
  readonly form: string | null
  readonly index: readonly ReplayedIndexRow[]
  /** Node data, by the msgpack of `[name, null]`. */
  readonly data: readonly { readonly name: Uint8Array; readonly value: Uint8Array }[]
  /** What failed this time. */
  readonly errors: readonly PackedRecord[]
}

/**
 * Adds nodes to the slabs of a finished layer through LMDB. May run again after a crash: existing rows stay unchanged,
 * and a node is counted in the transaction that stores its first row.
 */
export class LayerReplay {
  private readonly layer: Slab
  private readonly nodedata: Slab
  private readonly bybuid: Db
  private readonly counts: Db
  private readonly indexes: Readonly<Record<NodeIndexDb, Db>>
  private readonly abrvs: Readonly<Record<KeyName, Abrvs>>
  private readonly data: Db
  private readonly datanames: Db

  static async open(destDir: string, iden: string): Promise<LayerReplay> {
    const open = (name: LayerSlab) => {
      const path = cortexPaths(destDir).layer(iden).slab(name)
      return Slab.open(path, { mapBytes: 4 * statSync(join(path, 'data.mdb')).size + SPARE_BYTES })
    }
    return new LayerReplay(await open('layer_v2'), await open('nodedata'))
  }

  private constructor(layer: Slab, nodedata: Slab) {
    this.layer = layer
    this.nodedata = nodedata
    this.bybuid = layer.db('bybuid')
    this.counts = layer.db('count:forms')
    this.indexes = perDb(NODE_INDEX_DBS, (name) => layer.db(name, { dupSort: true }))
    this.abrvs = { prop: new Abrvs(layer, 'prop'), tag: new Abrvs(layer, 'tag'), tagProp: new Abrvs(layer, 'tagProp') }
    this.data = nodedata.db('nodedata')
    this.datanames = nodedata.db('dataname', { dupSort: true })
  }

  /** Durable when it returns: first the nodes with their indexes, then their node data. */
  add(nodes: readonly ReplayedNode[]): void {
    this.layer.write(() => {
      for (const node of nodes) this.addNode(node)
    })
    this.nodedata.write(() => {
      for (const { buid, data } of nodes) {
        for (const { name, value } of data) {
          const abrv = this.abrvs.prop.of(name)
          this.data.put(Buffer.concat([buid, abrv]), value)
          this.datanames.put(abrv, buid)
        }
      }
    })
  }

  async close(): Promise<void> {
    await this.layer.close()
    await this.nodedata.close()
  }

  private addNode({ buid, rows, form, index, data }: ReplayedNode): void {
    if (form !== null && rows.length > 0 && this.bybuid.get(rows[0].key) === undefined) this.count(form)
    for (const { key, value } of rows) this.bybuid.put(key, value)
    for (const row of index) {
      const abrvs = row.names.map(({ kind, name }) => this.abrvs[kind].of(name))
      this.indexes[row.db].put(Buffer.concat([...abrvs, row.index]), buid)
    }
    // Names get their numbers in the layer slab, before the other slab uses them.
    for (const { name } of data) this.abrvs.prop.of(name)
  }

  private count(form: string): void {
    const key = Buffer.from(form)
    const before = this.counts.get(key)
    this.counts.put(key, int64(before === undefined ? 1n : Buffer.from(before).readBigInt64BE() + 1n))
  }
}

/** One kind of abbreviations: numbers for names, and names for numbers. */
class Abrvs {
  private readonly byName: Db
  private readonly byNumber: Db
  private next: bigint

  constructor(layer: Slab, kind: KeyName) {
    const space = ABRV_SPACES[kind]
    this.byName = layer.db(`${space}:byts2abrv`)
    this.byNumber = layer.db(`${space}:abrv2byts`)
    const last = this.byNumber.last()
    this.next = last === undefined ? 0n : Buffer.from(last.key).readBigInt64BE() + 1n
  }

  /** The abbreviation of a name. A new name gets a new one, which needs a `Slab.write()` of the layer. */
  of(name: Uint8Array): Uint8Array {
    const known = this.byName.get(name)
    if (known !== undefined) return known
    const abrv = int64(this.next++)
    this.byName.put(name, abrv)
    this.byNumber.put(abrv, name)
    return abrv
  }
}

function int64(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(value)
  return bytes
}

import { decode, PackMap, text, type Value } from '../bytes/msgpack.js'
import { cortexPaths } from '../layout/paths.js'
import { type RowStore, Slab, type SlabStore } from '../slab/slab.js'
import { numberQueues } from '../translate/queues.js'

/** What Synapse knows about a queue. */
export interface Queue {
  readonly name: string
  readonly meta: Value
  readonly size: Value
  readonly offs: Value
}

/** The destination's `slabs/queues.lmdb`, the Storm queues of the Cortex. */
export class DestQueues {
  private readonly slab: SlabStore
  private readonly meta: RowStore

  static async open(destDir: string): Promise<DestQueues> {
    return new DestQueues(await Slab.open(cortexPaths(destDir).slab('queues')))
  }

  /** @param slab `queues.lmdb` of a destination, or a copy in memory */
  constructor(slab: SlabStore) {
    this.slab = slab
    this.meta = this.db('meta')
  }

  /** All queues in the byte order of their names. */
  list(): Queue[] {
    const [sizes, offsets] = [this.db('sizes'), this.db('offs')]
    return [...this.meta.rows()].map(({ key, value }) => ({
      name: nameOf(key),
      meta: decode(value),
      size: decoded(sizes.get(key)),
      offs: decoded(offsets.get(key)),
    }))
  }

  /** Gives every queue the number under which its items are stored, in the dbs where 2.x looks for it. */
  number(): void {
    const names = [...this.meta.rows()].map(({ key }) => latin1(key))
    const given = new Map([...this.db('abrv:name2abrv').rows()].map(({ key, value }) => [latin1(key), uint64(value)]))
    const [numbers, byNumber] = [this.db('abrv:byts2abrv'), this.db('abrv:abrv2byts')]
    this.slab.db('reqid')
    this.slab.write(() => {
      numbers.clear()
      byNumber.clear()
      for (const { name, number } of numberQueues(names, given)) {
        numbers.put(Buffer.from(name, 'latin1'), int64(number))
        byNumber.put(int64(number), Buffer.from(name, 'latin1'))
      }
    })
  }

  close(): Promise<void> {
    return this.slab.close()
  }

  private db(name: string): RowStore {
    return this.slab.db(`cortex:queue:${name}`)
  }
}

/** The queue as the reference shows it in errors. */
export function packQueue({ name, meta, size, offs }: Queue): PackMap {
  return new PackMap([
    ['name', name],
    ['meta', meta],
    ['size', size],
    ['offs', offs],
  ])
}

function nameOf(key: Uint8Array): string {
  const name = text(key)
  return typeof name === 'string' ? name : latin1(key)
}

/** Names as byte strings: we only compare them and store them again. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

function decoded(bytes: Uint8Array | undefined): Value {
  return bytes === undefined ? null : decode(bytes)
}

function uint64(bytes: Uint8Array): bigint {
  return Buffer.from(bytes).readBigUInt64BE()
}

function int64(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value)
  return bytes
}

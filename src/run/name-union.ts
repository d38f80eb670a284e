import { ByteIndex } from '../bytes/byte-index.js'
import { type ByteList, ByteListBuilder, sortByBytes, startOf } from '../bytes/byte-list.js'

/** Names of several runs, numbered as they are met. */
export class NameUnion {
  private readonly index = new ByteIndex()

  /** The number of each name. */
  add(names: ByteList): Int32Array {
    const { bytes, ends } = names
    return Int32Array.from(ends, (end, i) => {
      const start = startOf(names, i)
      const known = this.index.find(bytes, start, end)
      return known >= 0 ? known : this.index.add(bytes, start, end)
    })
  }

  sorted(): ByteList {
    const { list } = this.index
    const sorted = new ByteListBuilder()
    for (const id of this.order()) sorted.add(list.bytes, startOf(list, id), list.ends[id])
    return sorted.pack()
  }

  /** The place of each number's name in byte order. */
  ranks(): Int32Array {
    const ranks = new Int32Array(this.index.size)
    this.order().forEach((id, rank) => {
      ranks[id] = rank
    })
    return ranks
  }

  private order(): Int32Array {
    const order = new Int32Array(this.index.size).map((_, id) => id)
    sortByBytes(order, this.index.list)
    return order
  }
}

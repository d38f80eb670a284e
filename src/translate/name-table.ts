import { ByteIndex } from '../bytes/byte-index.js'
import { type ByteList, ByteListBuilder, itemOf, sortByBytes, startOf } from '../bytes/byte-list.js'

/**
 * Names of one abbreviation namespace, numbered in the order in which a worker thread meets them. At the end of a
 * partition `ranks()` renumbers its names in byte order. As every partition does this, ranks of a partition map to
 * those of the layer in the same order, and sorted rows stay sorted.
 */
export class NameTable {
  private readonly index = new ByteIndex()

  get size(): number {
    return this.index.size
  }

  /** The number of a name. A new name gets the next number. */
  id(name: Uint8Array): number {
    const known = this.find(name, 0, name.length)
    return known >= 0 ? known : this.index.add(name, 0, name.length)
  }

  /** The number of the name `buf[start, end)`, or -1. */
  find(buf: Uint8Array, start: number, end: number): number {
    return this.index.find(buf, start, end)
  }

  /** A copy of the name with this number. */
  name(id: number): Uint8Array {
    return itemOf(this.index.list, id).slice()
  }

  /**
   * Renumbers the names of a partition in byte order.
   *
   * @param isUsed for each number, whether the partition uses it: a table outlives partitions and layers
   * @returns the rank of each used number, and the used names in byte order
   */
  ranks(isUsed: Uint8Array): { rank: Int32Array; sorted: ByteList } {
    const { list } = this.index
    let count = 0
    for (let id = 0; id < this.size; id++) count += isUsed[id]
    const order = new Int32Array(count)
    for (let id = 0, at = 0; id < this.size; id++) if (isUsed[id] === 1) order[at++] = id
    sortByBytes(order, list)
    const rank = new Int32Array(this.size)
    const sorted = new ByteListBuilder()
    order.forEach((id, place) => {
      rank[id] = place
      sorted.add(list.bytes, startOf(list, id), list.ends[id])
    })
    return { rank, sorted: sorted.pack() }
  }
}

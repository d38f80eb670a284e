import { ByteIndex } from '../bytes/byte-index.js'
import { type ByteList, ByteListBuilder, itemOf, sortByBytes, startOf } from '../bytes/byte-list.js'

/**
 * Names of one abbreviation namespace, numbered in the order in which a worker thread meets them. When a partition is
 * finished `ranks()` renumbers the names that it uses in byte order: as every partition does so, its numbers translate
 * to those of the layer monotonically, and sorted rows stay sorted.
 */
export class NameTable {
  private readonly index = new ByteIndex()

  get size(): number {
    return this.index.size
  }

  /** The number of a name, a new one if it has none yet. */
  id(name: Uint8Array): number {
    const known = this.find(name, 0, name.length)
    return known >= 0 ? known : this.index.add(name, 0, name.length)
  }

  /** The number of the name `buf[start, end)`, -1 if it has none yet. */
  find(buf: Uint8Array, start: number, end: number): number {
    return this.index.find(buf, start, end)
  }

  /** The name of a number, as a copy. */
  name(id: number): Uint8Array {
    return itemOf(this.index.list, id).slice()
  }

  /**
   * Renumbers the names of a partition in byte order.
   *
   * @param isUsed by number, whether the partition has it: a table outlives partitions, and layers
   * @returns place by number (of names in use), and the names in use in byte order
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

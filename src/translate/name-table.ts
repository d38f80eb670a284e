import { ByteIndex } from '../bytes/byte-index.js'
import { type ByteList, ByteListBuilder, itemOf, sortByBytes, startOf } from '../bytes/byte-list.js'
import { type NumberSet, roomyArray } from '../bytes/number-set.js'

/** Names in byte order, and the rank of each number that stands for one of them. */
export interface NameRanks {
  readonly rank: Int32Array
  readonly sorted: ByteList
}

/**
 * Names of one abbreviation namespace, numbered in the order in which a worker thread meets them. At the end of a run
 * `ranks()` renumbers its names in byte order. As every run does this, its ranks map to those of the task and of the
 * layer in the same order, and sorted rows stay sorted.
 */
export class NameTable {
  private readonly index = new ByteIndex()
  private rank = new Int32Array(0)

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
   * Renumbers some names in byte order. Costs nothing for the others: a table outlives partitions and layers.
   *
   * @param used the numbers of these names
   * @returns the rank of each of these numbers, until the next call; and the names in byte order
   */
  ranks(used: NumberSet): NameRanks {
    const { list } = this.index
    const order = used.numbers()
    sortByBytes(order, list)
    this.rank = roomyArray(this.rank, this.size)
    const sorted = new ByteListBuilder()
    for (let place = 0; place < order.length; place++) {
      const id = order[place]
      this.rank[id] = place
      sorted.add(list.bytes, startOf(list, id), list.ends[id])
    }
    return { rank: this.rank, sorted: sorted.pack() }
  }
}

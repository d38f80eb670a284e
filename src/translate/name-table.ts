import { ByteIndex } from '../bytes/byte-index.js'
import { type ByteList, ByteListBuilder, itemOf, sortByBytes, startOf } from '../bytes/byte-list.js'
import { NumberSet, roomyArray } from '../bytes/number-set.js'

/** A set whose ranks are known is sorted again with more numbers as long as it is not larger than this many times those. */
const MOST_TIMES_RANKED = 4

/**
 * Names of one abbreviation namespace, numbered in the order in which a worker thread meets them. At the end of a run
 * `order()` says in which order its names are, and at the end of a task `ranks()` renumbers them in byte order. As every
 * task does this, its ranks map to those of the layer in the same order, and sorted rows stay sorted.
 */
export class NameTable {
  private readonly index = new ByteIndex()
  private rank = new Int32Array(0)
  /** The numbers that have a rank among each other. */
  private readonly ranked = new NumberSet()

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
   * The place of each of these names among them and maybe others, in byte order. Small runs use the same names again and
   * again, so this sorts only when there are new ones.
   *
   * @param used the numbers of these names
   * @returns valid until the next call
   */
  order(used: NumberSet): Int32Array {
    const { ranked } = this
    if (ranked.hasAll(used)) return this.rank
    // A task can have far more names than a run, and each new one would have all of them sorted again.
    if (ranked.size > MOST_TIMES_RANKED * used.size) ranked.clear()
    ranked.addAll(used)
    this.sort()
    return this.rank
  }

  /**
   * Renumbers some names in byte order. Costs nothing for the others: a table outlives partitions and layers.
   *
   * @param used the numbers of these names
   * @returns the rank of each of these numbers, until the next call; and the names in byte order
   */
  ranks(used: NumberSet): { rank: Int32Array; sorted: ByteList } {
    this.ranked.clear()
    this.ranked.addAll(used)
    const { list } = this.index
    const sorted = new ByteListBuilder()
    for (const id of this.sort()) sorted.add(list.bytes, startOf(list, id), list.ends[id])
    return { rank: this.rank, sorted: sorted.pack() }
  }

  /** Gives the ranked numbers their ranks. */
  private sort(): Int32Array {
    const order = this.ranked.numbers()
    sortByBytes(order, this.index.list)
    this.rank = roomyArray(this.rank, this.size)
    for (let place = 0; place < order.length; place++) this.rank[order[place]] = place
    return order
  }
}

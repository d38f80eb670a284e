import { ByteIndex } from '../bytes/byte-index.js'
import { type ByteList, ByteListBuilder, itemOf, sortByBytes, startOf } from '../bytes/byte-list.js'
import { NumberSet, roomyArray } from '../bytes/number-set.js'
import { compareSpans, viewOf } from '../bytes/spans.js'

/** Ranks of `order()` are below this. They have gaps, so that most new names get theirs without changing others. */
const RANK_END = 2 ** 31 - 1

/**
 * Names of one abbreviation namespace, numbered in the order in which a worker thread meets them. At the end of a run
 * `order()` says in which order its names are, and at the end of a task `ranks()` renumbers them in byte order. As every
 * task does this, its ranks map to those of the layer in the same order, and sorted rows stay sorted.
 */
export class NameTable {
  private readonly index = new ByteIndex()
  private rank = new Int32Array(0)
  private rankOfTask = new Int32Array(0)
  /** The numbers that have a rank among each other, and the same in byte order. */
  private readonly ranked = new NumberSet()
  private sorted = new Int32Array(0)
  /** How many of `sorted` are in use, and an array for the next. */
  private sortedCount = 0
  private unused = new Int32Array(0)
  /** How often ranks of `order()` have changed. */
  sorts = 0

  get size(): number {
    return this.index.size
  }

  /** The ranks that `order()` has given; valid until its next call. */
  get places(): Int32Array {
    return this.rank
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
   * Ranks of names in byte order: of these, and of those that were given before. Small runs use the same names again and
   * again, so this sorts only new ones.
   *
   * @param used the numbers of these names
   * @returns the rank of each number, valid until the next call
   */
  order(used: NumberSet): Int32Array {
    const { ranked } = this
    if (!ranked.hasAll(used)) {
      const fresh = used.numbers().filter((id) => !ranked.has(id))
      sortByBytes(fresh, this.index.list)
      this.rankMore(fresh)
      ranked.addAll(used)
    }
    return this.rank
  }

  /**
   * Renumbers some names in byte order. Costs nothing for the others: a table outlives partitions and layers.
   *
   * @param used the numbers of these names
   * @returns the rank of each of these numbers, until the next call; and the names in byte order
   */
  ranks(used: NumberSet): { rank: Int32Array; sorted: ByteList } {
    // Those of `order()` stay as they are.
    const order = used.numbers()
    const isOrdered = this.ranked.hasAll(used)
    if (isOrdered) sortByRank(order, this.rank)
    else sortByBytes(order, this.index.list)
    const { list } = this.index
    this.rankOfTask = roomyArray(this.rankOfTask, this.size)
    const sorted = new ByteListBuilder()
    for (let place = 0; place < order.length; place++) {
      const id = order[place]
      this.rankOfTask[id] = place
      sorted.add(list.bytes, startOf(list, id), list.ends[id])
    }
    return { rank: this.rankOfTask, sorted: sorted.pack() }
  }

  /** @param fresh numbers without a rank, in byte order */
  private rankMore(fresh: Int32Array): void {
    const count = this.sortedCount + fresh.length
    const before = this.sorted.subarray(0, this.sortedCount)
    const sorted = roomyArray(this.unused, count)
    const { rank } = this.makeRoom()
    const isBefore = this.comparison()
    let isFull = false
    let from = 0
    for (let i = 0, end = 0; i < fresh.length; i = end) {
      const place = placeAmong(before, from, fresh[i], isBefore)
      sorted.set(before.subarray(from, place), from + i)
      from = place
      // All that lie between the same two names share the gap.
      do sorted[place + end] = fresh[end++]
      while (end < fresh.length && (place === before.length || isBefore(fresh[end], before[place])))
      const low = place === 0 ? -1 : rank[before[place - 1]]
      const step = Math.floor(((place === before.length ? RANK_END : rank[before[place]]) - low) / (end - i + 1))
      isFull ||= step < 1
      for (let at = i; at < end; at++) rank[fresh[at]] = low + step * (at - i + 1)
    }
    sorted.set(before.subarray(from), from + fresh.length)
    this.unused = this.sorted
    this.sorted = sorted
    this.sortedCount = count
    if (!isFull) return
    this.sorts++
    const gap = Math.floor(RANK_END / (count + 1))
    for (let place = 0; place < count; place++) rank[sorted[place]] = (place + 1) * gap
  }

  private makeRoom(): this {
    const { rank } = this
    this.rank = roomyArray(rank, this.size)
    if (this.rank !== rank) this.rank.set(rank)
    return this
  }

  private comparison(): (x: number, y: number) => boolean {
    const { list } = this.index
    const { ends } = list
    const view = viewOf(list.bytes)
    return (x, y) => {
      const [xStart, yStart] = [startOf(list, x), startOf(list, y)]
      return compareSpans(view, xStart, ends[x] - xStart, view, yStart, ends[y] - yStart) < 0
    }
  }
}

/** V8 forgets what it has compiled of a comparison when a call makes its own. */
let sortRanks = new Int32Array(0)

function sortByRank(order: Int32Array, ranks: Int32Array<ArrayBuffer>): void {
  sortRanks = ranks
  order.sort(byRank)
}

function byRank(x: number, y: number): number {
  return sortRanks[x] - sortRanks[y]
}

/** Where a name belongs among sorted ones, which is not before `from`. */
function placeAmong(sorted: Int32Array, from: number, id: number, isBefore: (x: number, y: number) => boolean): number {
  let low = from
  for (let high = sorted.length; low < high; ) {
    const middle = (low + high) >> 1
    if (isBefore(sorted[middle], id)) low = middle + 1
    else high = middle
  }
  return low
}

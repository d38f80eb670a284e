/**
 * For each number, which of several lists hold it and where: its entries are `[n === 0 ? 0 : ends[n - 1], ends[n])`.
 */
export interface Buckets {
  readonly ends: Int32Array
  /** The list of each entry, ascending within a number. */
  readonly list: Int32Array
  /** The index of each entry in its list. */
  readonly index: Int32Array
}

/** Groups the entries of all lists by the numbers that they hold. Every number is below `size`. */
export function bucketsOf(lists: readonly Int32Array[], size: number): Buckets {
  const ends = new Int32Array(size)
  for (const numbers of lists) for (let i = 0; i < numbers.length; i++) ends[numbers[i]]++
  const sum = toStarts(ends)
  const list = new Int32Array(sum)
  const index = new Int32Array(sum)
  for (let l = 0; l < lists.length; l++) {
    const numbers = lists[l]
    for (let i = 0; i < numbers.length; i++) {
      const place = ends[numbers[i]]++
      list[place] = l
      index[place] = i
    }
  }
  return { ends, list, index }
}

/** Replaces the number of entries of each bucket by where it starts. Returns how many there are in all. */
export function toStarts(counts: Int32Array): number {
  let sum = 0
  for (let number = 0; number < counts.length; number++) {
    const count = counts[number]
    counts[number] = sum
    sum += count
  }
  return sum
}

/** Which of several lists have a number, and where: the entries of number `n` are `[n === 0 ? 0 : ends[n - 1], ends[n])`. */
export interface Buckets {
  readonly ends: Int32Array
  /** Of each entry the list, ascending within a number. */
  readonly list: Int32Array
  /** Of each entry its place in that list. */
  readonly index: Int32Array
}

/** Sorts the entries of lists by the numbers that they hold, each below `size`. */
export function bucketsOf(lists: readonly Int32Array[], size: number): Buckets {
  const ends = new Int32Array(size)
  for (const numbers of lists) for (const number of numbers) ends[number]++
  let sum = 0
  for (let number = 0; number < size; number++) {
    const count = ends[number]
    ends[number] = sum
    sum += count
  }
  const list = new Int32Array(sum)
  const index = new Int32Array(sum)
  lists.forEach((numbers, l) => {
    numbers.forEach((number, i) => {
      const place = ends[number]++
      list[place] = l
      index[place] = i
    })
  })
  return { ends, list, index }
}

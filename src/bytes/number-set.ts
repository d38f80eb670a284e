/** A set of numbers from 0. Emptying it costs as much as it has members, and its memory is used again. */
export class NumberSet {
  size = 0
  private list = new Int32Array(1 << 6)
  private isIn = new Uint8Array(1 << 6)

  add(number: number): void {
    if (number >= this.isIn.length) this.widen(number)
    if (this.isIn[number] === 1) return
    this.isIn[number] = 1
    if (this.size === this.list.length) {
      const list = new Int32Array(2 * this.size)
      list.set(this.list)
      this.list = list
    }
    this.list[this.size++] = number
  }

  /** A new array of the members, in the order in which they came. */
  numbers(): Int32Array {
    return this.list.slice(0, this.size)
  }

  has(number: number): boolean {
    return this.isIn[number] === 1
  }

  hasAll({ list, size }: NumberSet): boolean {
    for (let i = 0; i < size; i++) if (!this.has(list[i])) return false
    return true
  }

  addAll({ list, size }: NumberSet): void {
    for (let i = 0; i < size; i++) this.add(list[i])
  }

  /** The member that came after `i` others. */
  at(i: number): number {
    return this.list[i]
  }

  clear(): void {
    for (let i = 0; i < this.size; i++) this.isIn[this.list[i]] = 0
    this.size = 0
  }

  private widen(number: number): void {
    const isIn = new Uint8Array(Math.max(2 * this.isIn.length, number + 1))
    isIn.set(this.isIn)
    this.isIn = isIn
  }
}

/** The given array, or a new one without its numbers when it is shorter than `length`. */
export function roomyArray(array: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  return array.length >= length ? array : new Int32Array(Math.max(length, 2 * array.length))
}

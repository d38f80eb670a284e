/** Numbers pairs of integers from 0 in the order in which they first occur. */
export class PairIndex {
  size = 0
  /** The pairs by their numbers. */
  a = new Int32Array(16)
  b = new Int32Array(16)
  /** Number plus one; 0 is free. Never more than half full. */
  private slots = new Int32Array(32)

  /** The number of a pair. A new pair gets the next number. */
  id(a: number, b: number): number {
    const { slots } = this
    const mask = slots.length - 1
    let slot = hashOf(a, b) & mask
    for (; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const id = slots[slot] - 1
      if (this.a[id] === a && this.b[id] === b) return id
    }
    if (this.size === this.a.length) {
      this.grow()
      return this.id(a, b)
    }
    const id = this.size++
    this.a[id] = a
    this.b[id] = b
    slots[slot] = id + 1
    return id
  }

  /** The numbers of the pairs, ordered by `a`, then by `b`. */
  order(): Int32Array {
    const order = new Int32Array(this.size)
    for (let id = 0; id < this.size; id++) order[id] = id
    sorting = this
    return order.sort(byPair)
  }

  private grow(): void {
    const [a, b] = [this.a, this.b]
    this.a = new Int32Array(2 * a.length)
    this.b = new Int32Array(2 * b.length)
    this.a.set(a)
    this.b.set(b)
    this.slots = new Int32Array(2 * this.slots.length)
    const mask = this.slots.length - 1
    for (let id = 0; id < this.size; id++) {
      let slot = hashOf(a[id], b[id]) & mask
      while (this.slots[slot] !== 0) slot = (slot + 1) & mask
      this.slots[slot] = id + 1
    }
  }
}

/** V8 forgets what it has compiled of a comparison when a call makes its own. */
let sorting = new PairIndex()

function byPair(x: number, y: number): number {
  const { a, b } = sorting
  return a[x] - a[y] || b[x] - b[y]
}

function hashOf(a: number, b: number): number {
  const mixed = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b)
  return mixed ^ (mixed >>> 15)
}

/**
 * A map whose keys are bytes, looked up by a span of a buffer without making a string of it: names of properties and tags
 * are looked up once per row.
 */
export class SpanMap<Value> {
  private readonly keys: Uint8Array[] = []
  private readonly values: Value[] = []
  private hashes = new Int32Array(64)
  /** Number of the entry plus one; 0 is free. Never more than half full. */
  private slots = new Int32Array(128)

  get size(): number {
    return this.keys.length
  }

  get(buf: Uint8Array, start: number, end: number): Value | undefined {
    const hash = hashOf(buf, start, end)
    const { slots, hashes, keys } = this
    const mask = slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot] - 1
      if (entry < 0) return undefined
      if (hashes[entry] === hash && equals(keys[entry], buf, start, end)) return this.values[entry]
    }
  }

  /** Adds a key that is not there yet; its bytes are copied. */
  add(buf: Uint8Array, start: number, end: number, value: Value): void {
    const entry = this.keys.length
    if (entry === this.hashes.length) this.grow()
    this.keys.push(Uint8Array.prototype.slice.call(buf, start, end))
    this.values.push(value)
    this.hashes[entry] = hashOf(buf, start, end)
    this.place(entry)
  }

  private place(entry: number): void {
    const mask = this.slots.length - 1
    let slot = this.hashes[entry] & mask
    while (this.slots[slot] !== 0) slot = (slot + 1) & mask
    this.slots[slot] = entry + 1
  }

  private grow(): void {
    const hashes = new Int32Array(this.hashes.length * 2)
    hashes.set(this.hashes)
    this.hashes = hashes
    this.slots = new Int32Array(hashes.length * 2)
    for (let entry = 0; entry < this.keys.length; entry++) this.place(entry)
  }
}

/** FNV-1a. */
function hashOf(buf: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ buf[i], 0x01000193)
  return hash ^ (hash >>> 15)
}

function equals(key: Uint8Array, buf: Uint8Array, start: number, end: number): boolean {
  if (key.length !== end - start) return false
  for (let i = 0; i < key.length; i++) if (key[i] !== buf[start + i]) return false
  return true
}

import { ByteIndex } from './byte-index.js'

/**
 * A map with byte keys that takes a span of a buffer as the key, without making a string. We look up property and tag
 * names once per row.
 */
export class SpanMap<Value> {
  private readonly keys = new ByteIndex()
  private readonly values: Value[] = []

  get size(): number {
    return this.keys.size
  }

  get(buf: Uint8Array, start: number, end: number): Value | undefined {
    const entry = this.keys.find(buf, start, end)
    return entry < 0 ? undefined : this.values[entry]
  }

  /** Adds a key that the map does not have yet, and copies its bytes. */
  add(buf: Uint8Array, start: number, end: number, value: Value): void {
    this.keys.add(buf, start, end)
    this.values.push(value)
  }
}

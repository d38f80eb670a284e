import { ByteIndex } from './byte-index.js'

/**
 * A map whose keys are bytes, looked up by a span of a buffer without making a string of it: names of properties and tags
 * are looked up once per row.
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

  /** Adds a key that is not there yet; its bytes are copied. */
  add(buf: Uint8Array, start: number, end: number, value: Value): void {
    this.keys.add(buf, start, end)
    this.values.push(value)
  }
}

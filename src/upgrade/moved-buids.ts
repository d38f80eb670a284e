import { BUID_BYTES } from '../bytes/buid.js'
import { ByteIndex } from '../bytes/byte-index.js'

/** New places of nodes whose buid an upgrade changes. Takes 64 bytes for each. */
export class MovedBuids {
  private readonly before = new ByteIndex()
  private after = new Uint8Array(1 << 10)

  get size(): number {
    return this.before.size
  }

  has(before: Uint8Array): boolean {
    return this.before.find(before, 0, BUID_BYTES) >= 0
  }

  /** May be called again for the same node in another layer, which goes to the same place. */
  add(before: Uint8Array, after: Uint8Array): void {
    if (this.has(before)) return
    const at = this.before.add(before, 0, BUID_BYTES) * BUID_BYTES
    if (at + BUID_BYTES > this.after.length) {
      const grown = new Uint8Array(this.after.length * 2)
      grown.set(this.after)
      this.after = grown
    }
    this.after.set(after, at)
  }

  /** The buid after the upgrade; null when it does not change. */
  get(buid: Uint8Array): Uint8Array | null {
    const number = this.before.find(buid, 0, BUID_BYTES)
    return number < 0 ? null : this.afterAt(number)
  }

  /** The old and the new buid of the n-th node. */
  beforeAt(n: number): Uint8Array {
    return this.before.list.bytes.subarray(n * BUID_BYTES, (n + 1) * BUID_BYTES)
  }

  afterAt(n: number): Uint8Array {
    return this.after.subarray(n * BUID_BYTES, (n + 1) * BUID_BYTES)
  }

  /** The old buids, in the order in which they were added. */
  *buids(): Generator<Uint8Array> {
    for (let i = 0; i < this.size; i++) yield this.beforeAt(i)
  }
}

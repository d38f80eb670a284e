import { compareSpans, viewOf } from '../bytes/spans.js'
import { NODE_HEADER_BYTES, NodeFlag, PAGE_HEADER_BYTES, PageFlag, readU48 } from './format.js'

/** A key that bounds other keys; null means no bound. */
export type Key = Uint8Array | null

/** A page or sub-page. The constructor checks all bounds once, so that reading nodes needs no more checks. */
export class CheckedPage {
  readonly view: DataView
  readonly flags: number
  readonly count: number
  /** False when it is not safe to read nodes; a complaint says why. */
  readonly isSound: boolean
  private readonly lower: number
  private readonly upper: number

  constructor(
    readonly buf: Uint8Array,
    private readonly at: number,
    private readonly bytes: number,
    private readonly where: string,
    private readonly complain: (what: string) => void,
  ) {
    this.view = viewOf(buf)
    this.flags = this.view.getUint16(at + 10, true)
    this.lower = this.view.getUint16(at + 12, true)
    this.upper = this.view.getUint16(at + 14, true)
    this.count = (this.lower - PAGE_HEADER_BYTES) >> 1
    const { lower, upper } = this
    const fits = lower >= PAGE_HEADER_BYTES && lower <= upper && upper <= bytes && (lower & 1) === 0
    if (!fits) complain(`${where}: bounds are ${lower} and ${upper}`)
    const pad = this.view.getUint16(at + 8, true)
    if (pad !== 0) complain(`${where}: pad is ${pad}`)
    this.isSound = fits && this.checkNodes()
  }

  get freeBytes(): number {
    return this.upper - this.lower
  }

  keyBytes(index: number): number {
    return this.view.getUint16(this.node(index) + 6, true)
  }

  /** Size of the value, even when the node holds only a reference to overflow pages. */
  dataBytes(index: number): number {
    return this.view.getUint32(this.node(index), true)
  }

  nodeFlags(index: number): number {
    return this.view.getUint16(this.node(index) + 4, true)
  }

  dataAt(index: number): number {
    return this.node(index) + NODE_HEADER_BYTES + this.keyBytes(index)
  }

  child(index: number): number {
    return readU48(this.buf, this.node(index))
  }

  key(index: number): Uint8Array {
    const start = this.node(index) + NODE_HEADER_BYTES
    return this.buf.slice(start, start + this.keyBytes(index))
  }

  /** Keys from index `from` on must ascend and lie within `[low, high)`. */
  checkOrder(from: number, low: Key, high: Key): void {
    if (this.count <= from) return
    if (low !== null && this.compare(from, low) < 0) this.complain(`${this.where}: its first key is below its parent's`)
    if (high !== null && this.compare(this.count - 1, high) >= 0) {
      this.complain(`${this.where}: its last key is not below the next page's`)
    }
    for (let i = from + 1; i < this.count; i++) {
      const a = this.node(i - 1) + NODE_HEADER_BYTES
      const b = this.node(i) + NODE_HEADER_BYTES
      if (compareSpans(this.view, a, this.keyBytes(i - 1), this.view, b, this.keyBytes(i)) >= 0) {
        this.complain(`${this.where}: key ${i} is not above the one before`)
      }
    }
  }

  private compare(index: number, key: Uint8Array): number {
    const start = this.node(index) + NODE_HEADER_BYTES
    return compareSpans(this.view, start, this.keyBytes(index), viewOf(key), 0, key.length)
  }

  private node(index: number): number {
    return this.at + this.view.getUint16(this.at + PAGE_HEADER_BYTES + 2 * index, true)
  }

  /**
   * Checks that nodes have even sizes, fill the page from `upper` to its end without gaps, and contain what their
   * headers say.
   */
  private checkNodes(): boolean {
    const { bytes, upper, count, where } = this
    let sum = 0
    let lowest = bytes
    for (let i = 0; i < count; i++) {
      const offset = this.node(i) - this.at
      if (offset < upper || offset + NODE_HEADER_BYTES > bytes || (offset & 1) !== 0) {
        this.complain(`${where}: node ${i} lies at ${offset}`)
        return false
      }
      const size = this.nodeBytes(i)
      if (offset + size > bytes) {
        this.complain(`${where}: node ${i} ends at ${offset + size}`)
        return false
      }
      lowest = Math.min(lowest, offset)
      sum += size
    }
    if (lowest !== upper) this.complain(`${where}: its lowest node lies at ${lowest}, its upper bound is ${upper}`)
    if (sum !== bytes - upper) this.complain(`${where}: its nodes have ${sum} bytes and lie in ${bytes - upper}`)
    return true
  }

  private nodeBytes(index: number): number {
    const isBranch = (this.flags & PageFlag.branch) !== 0
    const isBig = !isBranch && (this.nodeFlags(index) & NodeFlag.big) !== 0
    const data = isBranch ? 0 : isBig ? 8 : this.dataBytes(index)
    return (NODE_HEADER_BYTES + this.keyBytes(index) + data + 1) & ~1
  }
}

import { copySpan, viewOf } from '../bytes/spans.js'
import { NODE_HEADER_BYTES, PAGE_BYTES, PAGE_HEADER_BYTES, writeU48 } from './format.js'

/** Room on a page, without its header. */
export const PAGE_ROOM_BYTES = PAGE_BYTES - PAGE_HEADER_BYTES
/**
 * A page emptier than this takes the next node even if that exceeds the fill. Large nodes would otherwise leave it half
 * empty.
 */
const MUST_FILL_BYTES = PAGE_ROOM_BYTES / 2

/** The room that a node takes on a page: an even size, and an offset of two bytes. */
export function nodeRoom(keyBytes: number, dataBytes: number): number {
  return ((NODE_HEADER_BYTES + keyBytes + dataBytes + 1) & ~1) + 2
}

/** How much of a page stays free at this fill. */
export function spareRoom(fill: number): number {
  return Math.floor(PAGE_ROOM_BYTES * (1 - fill))
}

/**
 * A leaf or branch page under construction. Offsets grow up from the header and nodes grow down from the end, as LMDB
 * lays them out when it adds in key order. Whoever takes the page (`ChunkWriter`, `SlabFileBuilder`) writes the header
 * and the page number. Only the bytes outside of `[lower, upper)` count: between them are leftovers of earlier pages.
 */
export class NodePage {
  readonly bytes = new Uint8Array(PAGE_BYTES)
  readonly view = viewOf(this.bytes)
  lower = PAGE_HEADER_BYTES
  upper = PAGE_BYTES

  get count(): number {
    return (this.lower - PAGE_HEADER_BYTES) >> 1
  }

  get usedBytes(): number {
    return PAGE_ROOM_BYTES - (this.upper - this.lower)
  }

  clear(): void {
    this.lower = PAGE_HEADER_BYTES
    this.upper = PAGE_BYTES
  }

  /** Whether a node that takes `room` belongs on this page, of which `spare` should stay free. */
  takes(room: number, spare: number): boolean {
    const left = this.upper - this.lower - room
    return left >= spare || (left >= 0 && this.usedBytes < MUST_FILL_BYTES)
  }

  /** Position of a node. */
  node(index: number): number {
    return this.view.getUint16(PAGE_HEADER_BYTES + 2 * index, true)
  }

  keyBytes(node: number): number {
    return this.view.getUint16(node + 6, true)
  }

  /**
   * Adds a node after the others and returns its position. The caller then writes its `dataBytes` of data at
   * `position + 8 + keyBytes`.
   */
  push(
    flags: number,
    keyBuf: Uint8Array,
    keyView: DataView,
    keyStart: number,
    keyEnd: number,
    dataBytes: number,
    storedBytes = dataBytes,
  ): number {
    const { view } = this
    const keyBytes = keyEnd - keyStart
    const node = this.upper - ((NODE_HEADER_BYTES + keyBytes + storedBytes + 1) & ~1)
    // Clear the padding byte: it may be a leftover of an earlier page.
    if (((keyBytes + storedBytes) & 1) !== 0) this.bytes[this.upper - 1] = 0
    view.setUint32(node, dataBytes, true)
    view.setUint16(node + 4, flags, true)
    view.setUint16(node + 6, keyBytes, true)
    copySpan(this.bytes, view, node + NODE_HEADER_BYTES, keyBuf, keyView, keyStart, keyEnd)
    view.setUint16(this.lower, node, true)
    this.lower += 2
    this.upper = node
    return node
  }

  /** Adds a branch node. Its child's number takes the place of a leaf node's size and flags. */
  pushBranch(child: number, keyBuf: Uint8Array, keyView: DataView, keyStart: number, keyEnd: number): void {
    writeU48(this.view, this.push(0, keyBuf, keyView, keyStart, keyEnd, 0), child)
  }

  /** Removes the last node and returns its position. Its bytes stay until the next `push()`. */
  pop(): number {
    this.lower -= 2
    const node = this.view.getUint16(this.lower, true)
    this.upper = this.lower === PAGE_HEADER_BYTES ? PAGE_BYTES : this.view.getUint16(this.lower - 2, true)
    return node
  }
}

import { copySpan, viewOf } from '../bytes/spans.js'
import { NODE_HEADER_BYTES, PAGE_BYTES, PAGE_HEADER_BYTES, writeU48 } from './format.js'

/** What a full page holds beside its header. */
export const PAGE_ROOM_BYTES = PAGE_BYTES - PAGE_HEADER_BYTES
/** A page that is emptier than this takes the next node even beyond the fill: large nodes would leave it half empty. */
const MUST_FILL_BYTES = PAGE_ROOM_BYTES / 2

/** Room that a node of this size takes in a page: even, and an offset of two bytes. */
export function nodeRoom(keyBytes: number, dataBytes: number): number {
  return ((NODE_HEADER_BYTES + keyBytes + dataBytes + 1) & ~1) + 2
}

/** The largest room in a page that stays free at this fill. */
export function spareRoom(fill: number): number {
  return Math.floor(PAGE_ROOM_BYTES * (1 - fill))
}

/**
 * A leaf or branch page under construction: offsets grow from the header on, nodes from the end down, as LMDB adds them in key order.
 * Header and page number are written by whoever takes the page (`ChunkWriter`, `SlabFileBuilder`), and only what lies outside of
 * `[lower, upper)` is taken: between them are remains of earlier pages.
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

  /** Whether a node that takes `room` belongs on this page, of which `spare` shall stay free. */
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

  /** Adds a node after the others and returns its position; its data of `dataBytes` is still to be written at `position + 8 + keyBytes`. */
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
    // The byte that makes the size even: it may hold a remain of an earlier page.
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

  /** Adds a branch node: its child's number lies where a leaf node has its size and flags. */
  pushBranch(child: number, keyBuf: Uint8Array, keyView: DataView, keyStart: number, keyEnd: number): void {
    writeU48(this.view, this.push(0, keyBuf, keyView, keyStart, keyEnd, 0), child)
  }

  /** Takes the last node off and returns its position; its bytes stay there until the next `push()`. */
  pop(): number {
    this.lower -= 2
    const node = this.view.getUint16(this.lower, true)
    this.upper = this.lower === PAGE_HEADER_BYTES ? PAGE_BYTES : this.view.getUint16(this.lower - 2, true)
    return node
  }
}

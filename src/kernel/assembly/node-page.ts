import { NODE_HEADER_BYTES, PAGE_BYTES, PAGE_HEADER_BYTES } from './format'
import { copy } from './spans'

/** Room on a page, without its header. */
const PAGE_ROOM_BYTES: u32 = PAGE_BYTES - PAGE_HEADER_BYTES
/**
 * A page emptier than this takes the next node even if that exceeds the fill. Large nodes would otherwise leave it half
 * empty.
 */
const MUST_FILL_BYTES: u32 = PAGE_ROOM_BYTES / 2

/** The room that a node takes on a page: an even size, and an offset of two bytes. */
export function nodeRoom(keyBytes: u32, dataBytes: u32): u32 {
  return ((NODE_HEADER_BYTES + keyBytes + dataBytes + 1) & ~1) + 2
}

/**
 * A leaf or branch page under construction. Offsets grow up from the header and nodes grow down from the end, as LMDB
 * lays them out when it adds in key order. Between `lower` and `upper` are leftovers of earlier pages until `seal()`.
 */
@unmanaged
export class NodePage {
  lower: u32
  upper: u32

  /** Where the page is: behind the fields. */
  get at(): usize {
    return changetype<usize>(this) + offsetof<NodePage>()
  }

  get count(): u32 {
    return (this.lower - PAGE_HEADER_BYTES) >> 1
  }

  get usedBytes(): u32 {
    return PAGE_ROOM_BYTES - (this.upper - this.lower)
  }

  clear(): void {
    this.lower = PAGE_HEADER_BYTES
    this.upper = PAGE_BYTES
  }

  /** Whether a node that takes `room` belongs on this page, of which `spare` should stay free. */
  takes(room: u32, spare: i32): bool {
    const left = <i32>(this.upper - this.lower) - <i32>room
    return left >= spare || (left >= 0 && this.usedBytes < MUST_FILL_BYTES)
  }

  /** Address of a node. */
  node(index: u32): usize {
    return this.at + load<u16>(this.at + PAGE_HEADER_BYTES + 2 * index)
  }

  /** Address of the last node. */
  get last(): usize {
    return this.at + this.upper
  }

  /**
   * Adds a node after the others, with room for `storedBytes` behind its key, and returns its address. The caller then
   * writes the data.
   */
  push(flags: u16, key: usize, keyBytes: u32, dataBytes: u32, storedBytes: u32): usize {
    const at = this.at
    const bytes = NODE_HEADER_BYTES + keyBytes + storedBytes
    // Clear the padding byte: it may be a leftover of an earlier page.
    if ((bytes & 1) != 0) store<u8>(at + this.upper - 1, 0)
    const upper = this.upper - ((bytes + 1) & ~1)
    const node = at + upper
    store<u32>(node, dataBytes)
    store<u16>(node, flags, 4)
    store<u16>(node, <u16>keyBytes, 6)
    copy(node + NODE_HEADER_BYTES, key, keyBytes)
    store<u16>(at + this.lower, <u16>upper)
    this.lower += 2
    this.upper = upper
    return node
  }

  /** Adds a branch node. Its child's number takes the place of a leaf node's size and flags. */
  pushBranch(child: u32, key: usize, keyBytes: u32): void {
    this.push(0, key, keyBytes, child, 0)
  }

  /** Removes the last node and returns its address. Its bytes stay until the next `push()` or `seal()`. */
  pop(): usize {
    this.lower -= 2
    const end = this.at + this.lower
    this.upper = this.lower == PAGE_HEADER_BYTES ? PAGE_BYTES : load<u16>(end - 2)
    return this.at + load<u16>(end)
  }

  /** Writes the header, except for the page number, and clears what is free. */
  seal(flags: u16): void {
    const at = this.at
    store<u16>(at, flags, 10)
    store<u16>(at, <u16>this.lower, 12)
    store<u16>(at, <u16>this.upper, 14)
    memory.fill(at + this.lower, 0, this.upper - this.lower)
  }
}

export function keyBytesOf(node: usize): u32 {
  return load<u16>(node, 6)
}

export function newNodePage(): NodePage {
  const page = changetype<NodePage>(heap.alloc(offsetof<NodePage>() + PAGE_BYTES))
  page.clear()
  // The number, and what LMDB does not use.
  memory.fill(page.at, 0, PAGE_HEADER_BYTES)
  return page
}

export function freeNodePage(page: NodePage): void {
  heap.free(changetype<usize>(page))
}

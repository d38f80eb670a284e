import { BranchPages, newBranchPages } from './branch-pages'
import { putPage } from './env'
import {
  MAX_KEY_BYTES,
  MAX_NODE_BYTES,
  NODE_HEADER_BYTES,
  PAGE_BYTES,
  PAGE_HEADER_BYTES,
  PAGE_LEAF,
  SUB_PAGE_FLAGS,
  SUB_PAGE_NUMBER,
} from './format'
import { freeNodePage, keyBytesOf, NodePage, newNodePage, nodeRoom } from './node-page'
import { copy } from './spans'

/** The values of a key that has several: a sub-page as long as they fit, then pages of a tree of their own. */
@unmanaged
export class DupGroup {
  owner: usize
  page: NodePage
  branches: BranchPages
  spare: i32
  isOpen: bool
  isTree: bool
  keyBytes: u32
  leafPages: u32
  entries: u64

  /** Its key is behind the fields. */
  get key(): usize {
    return changetype<usize>(this) + offsetof<DupGroup>()
  }

  /** The size that LMDB gives a sub-page: exactly its header, offsets and nodes. */
  get subPageBytes(): u32 {
    return PAGE_HEADER_BYTES + this.page.usedBytes
  }

  open(key: usize, keyBytes: u32): void {
    copy(this.key, key, keyBytes)
    this.keyBytes = keyBytes
    this.isOpen = true
    this.isTree = false
    this.leafPages = 0
    this.entries = 0
    this.page.clear()
  }

  add(value: usize, valueBytes: u32): void {
    const page = this.page
    const room = nodeRoom(valueBytes, 0)
    if (!this.isTree && NODE_HEADER_BYTES + this.keyBytes + this.subPageBytes + room > MAX_NODE_BYTES) {
      this.isTree = true
    }
    if (this.isTree && !page.takes(room, this.spare)) this.closePage()
    page.push(0, value, valueBytes, 0, 0)
    this.entries++
  }

  /** Writes the sub-page at `to`: this page without the free middle, with offsets shifted to match. */
  finishSubPage(to: usize): void {
    const page = this.page
    const from = page.at
    const lower = page.lower
    const cut = PAGE_BYTES - this.subPageBytes
    store<u64>(to, SUB_PAGE_NUMBER)
    store<u16>(to, 0, 8)
    store<u16>(to, SUB_PAGE_FLAGS, 10)
    store<u16>(to, <u16>lower, 12)
    store<u16>(to, <u16>lower, 14)
    for (let i = PAGE_HEADER_BYTES; i < lower; i += 2) store<u16>(to + i, <u16>(load<u16>(from + i) - cut))
    copy(to + lower, from + page.upper, PAGE_BYTES - page.upper)
    this.isOpen = false
  }

  /** Puts the last pages of the tree and writes its `MDB_db`; the root number is still relative. */
  finishTree(to: usize): void {
    this.closePage()
    const branches = this.branches
    branches.finish()
    store<u32>(to, 0)
    store<u16>(to, 0, 4)
    store<u16>(to, <u16>(branches.levels + 1), 6)
    store<u64>(to, branches.branchPages, 8)
    store<u64>(to, this.leafPages, 16)
    store<u64>(to, 0, 24)
    store<u64>(to, this.entries, 32)
    store<u64>(to, branches.root, 40)
    branches.begin()
    this.isOpen = false
  }

  free(): void {
    freeNodePage(this.page)
    this.branches.free()
    heap.free(changetype<usize>(this))
  }

  private closePage(): void {
    const page = this.page
    page.seal(PAGE_LEAF)
    const first = page.node(0)
    const number = putPage(this.owner, page.at, 0, 0, 0)
    this.branches.add(number, first + NODE_HEADER_BYTES, keyBytesOf(first))
    this.leafPages++
    page.clear()
  }
}

export function newDupGroup(owner: usize, spare: i32): DupGroup {
  const group = changetype<DupGroup>(heap.alloc(offsetof<DupGroup>() + MAX_KEY_BYTES))
  group.owner = owner
  group.page = newNodePage()
  group.branches = newBranchPages(owner, spare)
  group.spare = spare
  group.isOpen = false
  return group
}

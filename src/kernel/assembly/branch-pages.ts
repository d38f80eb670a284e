import { putPage } from './env'
import { MAX_KEY_BYTES, NODE_HEADER_BYTES, PAGE_BRANCH, PAGE_HEADER_BYTES } from './format'
import { freeNodePage, keyBytesOf, NodePage, newNodePage, nodeRoom } from './node-page'
import { copy } from './spans'

/** Each page but the root has two children or more, and there are less than 2^32 pages. */
const MOST_LEVELS: usize = 32

/** A level of branch pages: its open page, whose first key is not on the page but behind these fields. */
@unmanaged
class Level {
  page: NodePage
  /** Finished pages of this level. */
  putPages: u32
  firstKeyBytes: u32

  get firstKey(): usize {
    return changetype<usize>(this) + offsetof<Level>()
  }

  /** Of the child that moves to the next page. */
  get movedKey(): usize {
    return this.firstKey + MAX_KEY_BYTES
  }

  setFirstKey(key: usize, keyBytes: u32): void {
    copy(this.firstKey, key, keyBytes)
    this.firstKeyBytes = keyBytes
  }
}

/** Builds branch pages over the pages of a tree of duplicates, which come in key order. */
@unmanaged
export class BranchPages {
  /** The builder of leaf pages to whose stream they go. */
  owner: usize
  spare: i32
  children: u32
  onlyChild: u32
  levelCount: u32
  /** Of the tree that was finished last. */
  root: u32
  branchPages: u32
  levels: u32

  /** Adds a child page. All its keys are >= `key`. */
  add(child: u32, key: usize, keyBytes: u32): void {
    this.children++
    this.onlyChild = child
    this.addAt(0, child, key, keyBytes)
  }

  begin(): void {
    this.children = 0
    this.branchPages = 0
  }

  /** Puts the open pages. With only one child, that child is the root. */
  finish(): void {
    let root = this.onlyChild
    let levels: u32 = 0
    for (let isTop = this.children <= 1; !isTop; levels++) {
      const level = this.level(levels)
      isTop = level.putPages == 0
      level.putPages = 0
      root = this.putLevel(level)
      if (!isTop) this.addAt(levels + 1, root, level.firstKey, level.firstKeyBytes)
    }
    if (this.children == 1) this.level(0).page.clear()
    this.root = root
    this.levels = levels
  }

  free(): void {
    for (let i: u32 = 0; i < this.levelCount; i++) {
      const level = this.level(i)
      freeNodePage(level.page)
      heap.free(changetype<usize>(level))
    }
    heap.free(changetype<usize>(this))
  }

  private addAt(index: u32, child: u32, key: usize, keyBytes: u32): void {
    if (index == this.levelCount) this.addLevel()
    const level = this.level(index)
    const page = level.page
    if (page.count > 0 && !page.takes(nodeRoom(keyBytes, 0), this.spare)) this.split(index)
    if (page.count == 0) {
      level.setFirstKey(key, keyBytes)
      // LMDB never looks at the first key of a branch page.
      page.pushBranch(child, 0, 0)
    } else {
      page.pushBranch(child, key, keyBytes)
    }
  }

  /**
   * Puts the page without its last child, and starts the next page with that child. The caller adds another child right
   * away, so every branch page has at least two. LMDB aborts the process when it looks up a key in a branch page with
   * one child.
   */
  private split(index: u32): void {
    const level = this.level(index)
    const node = level.page.pop()
    const child = load<u32>(node)
    const keyBytes = keyBytesOf(node)
    // Sealing the page clears it.
    const key = level.movedKey
    copy(key, node + NODE_HEADER_BYTES, keyBytes)
    const number = this.putLevel(level)
    level.putPages++
    this.addAt(index + 1, number, level.firstKey, level.firstKeyBytes)
    this.addAt(index, child, key, keyBytes)
  }

  private putLevel(level: Level): u32 {
    const page = level.page
    page.seal(PAGE_BRANCH)
    // The number of a child is the first that a node has.
    const number = putPage(this.owner, page.at, page.at + PAGE_HEADER_BYTES, page.count, 0)
    page.clear()
    this.branchPages++
    return number
  }

  private level(index: u32): Level {
    return load<Level>(changetype<usize>(this) + offsetof<BranchPages>() + index * sizeof<usize>())
  }

  private addLevel(): void {
    const level = changetype<Level>(heap.alloc(offsetof<Level>() + 2 * MAX_KEY_BYTES))
    level.page = newNodePage()
    level.putPages = 0
    store<Level>(changetype<usize>(this) + offsetof<BranchPages>() + this.levelCount * sizeof<usize>(), level)
    this.levelCount++
  }
}

export function newBranchPages(owner: usize, spare: i32): BranchPages {
  const branches = changetype<BranchPages>(heap.alloc(offsetof<BranchPages>() + MOST_LEVELS * sizeof<usize>()))
  branches.owner = owner
  branches.spare = spare
  branches.levelCount = 0
  branches.begin()
  return branches
}

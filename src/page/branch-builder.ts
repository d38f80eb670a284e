import { viewOf } from '../bytes/spans.js'
import { MAX_KEY_BYTES, NODE_HEADER_BYTES, readU48 } from './format.js'
import { NodePage, nodeRoom } from './node-page.js'

const noKey = new Uint8Array(0)
const noKeyView = viewOf(noKey)

/** The root of a finished tree. */
export interface TreeRoot {
  /** Page number. With only one child, that child is the root. */
  readonly root: number
  readonly branchPages: number
  /** Levels of branch pages. */
  readonly levels: number
}

/** Builds branch pages over children that come in key order. Needs memory for one page per level only. */
export class BranchBuilder {
  private readonly levels: Level[] = []
  private branchPages = 0
  private onlyChild = -1
  private children = 0

  /** @param put takes a finished page of any level and returns its number */
  constructor(
    private readonly spare: number,
    private readonly put: (page: NodePage) => number,
  ) {}

  /** Adds a child page. All its keys are >= `key`. */
  add(child: number, keyBuf: Uint8Array, keyView: DataView, keyStart: number, keyEnd: number): void {
    this.children++
    this.onlyChild = child
    this.addAt(0, child, keyBuf, keyView, keyStart, keyEnd)
  }

  /** Puts the open pages and gets ready for another tree. */
  finish(): TreeRoot {
    let root = this.onlyChild
    let levels = 0
    for (let isTop = this.children <= 1; !isTop; levels++) {
      const level = this.levels[levels]
      isTop = level.putPages === 0
      level.putPages = 0
      root = this.putLevel(level)
      if (!isTop) this.addAt(levels + 1, root, level.firstKey, level.firstKeyView, 0, level.firstKeyBytes)
    }
    if (this.children === 1) this.levels[0].page.clear()
    const tree = { root, branchPages: this.branchPages, levels }
    this.branchPages = 0
    this.children = 0
    this.onlyChild = -1
    return tree
  }

  private addAt(
    index: number,
    child: number,
    keyBuf: Uint8Array,
    keyView: DataView,
    keyStart: number,
    keyEnd: number,
  ): void {
    if (index === this.levels.length) this.levels.push(new Level())
    const level = this.levels[index]
    const { page } = level
    if (page.count > 0 && !page.takes(nodeRoom(keyEnd - keyStart, 0), this.spare)) this.split(index)
    if (page.count === 0) {
      level.setFirstKey(keyBuf, keyStart, keyEnd)
      // LMDB never looks at the first key of a branch page.
      page.pushBranch(child, noKey, noKeyView, 0, 0)
    } else {
      page.pushBranch(child, keyBuf, keyView, keyStart, keyEnd)
    }
  }

  /**
   * Puts the page without its last child, and starts the next page with that child. The caller adds another child right
   * away, so every branch page has at least two. LMDB aborts the process when it looks up a key in a branch page with
   * one child.
   */
  private split(index: number): void {
    const level = this.levels[index]
    const { page } = level
    const node = page.pop()
    const child = readU48(page.bytes, node)
    const start = node + NODE_HEADER_BYTES
    const key = page.bytes.slice(start, start + page.keyBytes(node))
    const number = this.putLevel(level)
    level.putPages++
    this.addAt(index + 1, number, level.firstKey, level.firstKeyView, 0, level.firstKeyBytes)
    this.addAt(index, child, key, viewOf(key), 0, key.length)
  }

  private putLevel(level: Level): number {
    const number = this.put(level.page)
    level.page.clear()
    this.branchPages++
    return number
  }
}

class Level {
  readonly page = new NodePage()
  readonly firstKey = new Uint8Array(MAX_KEY_BYTES + 1)
  readonly firstKeyView = viewOf(this.firstKey)
  firstKeyBytes = 0
  /** Finished pages of this level. */
  putPages = 0

  setFirstKey(buf: Uint8Array, start: number, end: number): void {
    this.firstKey.set(buf.subarray(start, end))
    this.firstKeyBytes = end - start
  }
}

/** An index has at most 503 bytes, see `writeIndex`. */
const INDEX_ROOM_BYTES = 512

/**
 * Index rows of one destination database, unsorted. Each has a group (which stands for the abbreviations in its key),
 * the index bytes that follow them, and the number of its node, whose buid is the value. Uses typed arrays only, so
 * that a node creates no objects.
 */
export class IndexRows {
  count = 0
  groups: Int32Array
  owners: Int32Array
  starts: Int32Array
  lengths: Uint16Array
  bytes: Buffer
  used = 0

  constructor() {
    const rows = 1 << 12
    this.groups = new Int32Array(rows)
    this.owners = new Int32Array(rows)
    this.starts = new Int32Array(rows)
    this.lengths = new Uint16Array(rows)
    this.bytes = Buffer.allocUnsafeSlow(1 << 16)
  }

  /** Makes room for an index. The caller writes it at `used` of `bytes` and calls `add` with its end. */
  reserve(): Buffer {
    if (this.used + INDEX_ROOM_BYTES > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, INDEX_ROOM_BYTES))
      grown.set(this.bytes)
      this.bytes = grown
    }
    return this.bytes
  }

  /** Adds a row with the index bytes [used, end). */
  add(group: number, owner: number, end: number): void {
    this.addShared(group, owner, this.used, end)
    this.used = end
  }

  /** Adds a row that shares the index bytes of an earlier row. */
  addShared(group: number, owner: number, start: number, end: number): void {
    const i = this.count
    if (i === this.groups.length) this.growRows()
    this.groups[i] = group
    this.owners[i] = owner
    this.starts[i] = start
    this.lengths[i] = end - start
    this.count = i + 1
  }

  /** Removes all rows added since these counts. */
  reset(count: number, used: number): void {
    this.count = count
    this.used = used
  }

  private growRows(): void {
    const size = this.groups.length * 2
    const grow = <T extends Int32Array | Uint16Array>(old: T, grown: T): T => {
      grown.set(old)
      return grown
    }
    this.groups = grow(this.groups, new Int32Array(size))
    this.owners = grow(this.owners, new Int32Array(size))
    this.starts = grow(this.starts, new Int32Array(size))
    this.lengths = grow(this.lengths, new Uint16Array(size))
  }
}

import { type Kernel, kernel } from './kernel.js'

/** Where the fields of `IndexRows` are (src/kernel/assembly/index-rows.ts). */
const Field = { count: 0, used: 4, groups: 8, owners: 12, starts: 16, lengths: 20, bytes: 24 } as const

/** For each group of a database, the ranks of its names; `second` is null if keys have only one. */
export interface GroupRanks {
  readonly first: Int32Array
  readonly second: Int32Array | null
}

const NO_GROUPS = new Int32Array(0)

/**
 * Index rows of one destination database, unsorted, in the kernel's memory. Each has a group (which stands for the
 * abbreviations in its key), the index bytes that follow them, and the number of its node, whose buid is the value.
 * `look()` before you read them, and again after each call that may allocate.
 */
export class KernelIndexRows {
  count = 0
  groups = new Int32Array(0)
  owners = new Int32Array(0)
  starts = new Int32Array(0)
  lengths = new Uint16Array(0)
  bytes: Buffer = Buffer.alloc(0)

  /** @param at the address of its `IndexRows`, which nobody frees */
  constructor(
    private readonly kernel: Kernel,
    readonly at: number,
  ) {}

  static make(): KernelIndexRows {
    return new KernelIndexRows(kernel(), kernel().calls.newIndexRows())
  }

  /** Adds a row with the index `bytes[start, end)`. */
  add(group: number, owner: number, bytes: Uint8Array, start: number, end: number): void {
    const { calls } = this.kernel
    const at = calls.addIndexRow(this.at, group, owner, end - start)
    if (end > start) this.kernel.mem.set(bytes.subarray(start, end), at)
  }

  clear(): void {
    this.kernel.calls.clearIndexRows(this.at)
  }

  /** The groups that have rows but no rank yet. */
  freshGroups(): Int32Array {
    const at = this.kernel.calls.freshGroups(this.at)
    const count = this.kernel.view.getUint32(at, true)
    return count === 0 ? NO_GROUPS : new Int32Array(this.kernel.mem.buffer, at + 4, count).slice()
  }

  /** Tells the order of some groups: by their first rank, then by the second. */
  rank(groups: Int32Array, { first, second }: GroupRanks): void {
    const end = groups.reduce((most, group) => Math.max(most, group + 1), 0)
    const keys = this.kernel.calls.groupKeys(this.at, end)
    const { view } = this.kernel
    for (const group of groups) {
      // 0 is no key.
      view.setUint32(keys + 8 * group, second === null ? 0 : second[group] + 1, true)
      view.setUint32(keys + 8 * group + 4, first[group] + 1, true)
    }
  }

  forgetRanks(): void {
    this.kernel.calls.forgetGroupKeys(this.at)
  }

  look(): this {
    const { view } = this.kernel
    const field = (offset: number) => view.getUint32(this.at + offset, true)
    const { buffer } = view
    this.count = field(Field.count)
    this.groups = new Int32Array(buffer, field(Field.groups), this.count)
    this.owners = new Int32Array(buffer, field(Field.owners), this.count)
    this.starts = new Int32Array(buffer, field(Field.starts), this.count)
    this.lengths = new Uint16Array(buffer, field(Field.lengths), this.count)
    this.bytes = Buffer.from(buffer, field(Field.bytes), field(Field.used))
    return this
  }
}

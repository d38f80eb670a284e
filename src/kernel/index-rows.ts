import type { NumberSet } from '../bytes/number-set.js'
import type { Kernel } from './kernel.js'

/** Where the fields of `IndexRows` are (src/kernel/assembly/index-rows.ts). */
const Field = { count: 0, used: 4, groups: 8, owners: 12, starts: 16, lengths: 20, bytes: 24 } as const

/**
 * The index rows that the kernel has for one destination database. They lie in its memory: `look()` before you read
 * them, and again after each call that may allocate.
 */
export class KernelIndexRows {
  count = 0
  groups = new Int32Array(0)
  owners = new Int32Array(0)
  starts = new Int32Array(0)
  lengths = new Uint16Array(0)
  bytes: Buffer = Buffer.alloc(0)

  /** @param at the address of its `IndexRows` */
  constructor(
    private readonly kernel: Kernel,
    private readonly at: number,
  ) {}

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

  /** Adds the groups that have rows. */
  addGroups(to: NumberSet): void {
    for (let i = 0; i < this.count; i++) to.add(this.groups[i])
  }
}

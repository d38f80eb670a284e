import type { ByteList } from '../bytes/byte-list.js'
import type { GroupRanks } from '../kernel/index-rows.js'
import { kernel } from '../kernel/kernel.js'

/** Rows of one destination database in the runs of a file, by run and group. */
export interface RunSection {
  /** For each run, where its rows start in the content of the file, and where its groups end in the arrays below. */
  readonly starts: Float64Array
  readonly runEnds: Int32Array
  /** The group's abbreviations as ranks within this file: the first and the second (-1: none). Ascending in each run. */
  readonly a: Int32Array
  readonly b: Int32Array
  readonly counts: Int32Array
  /** Where the rows of each group end in the content of the file; those of the next group of its run follow. */
  readonly ends: Float64Array
  /** Entry points into large groups, at least two each: number of the group, position, and the index bytes there. */
  readonly entryGroups: Int32Array
  readonly entryStarts: Float64Array
  readonly entryKeys: ByteList
}

/** Where the fields of the kernel's `RunSection` are (src/kernel/assembly/run-out.ts). */
const Field = {
  groups: 0,
  entries: 4,
  runs: 8,
  a: 12,
  b: 16,
  counts: 20,
  ends: 24,
  starts: 28,
  runEnds: 32,
  entryGroups: 36,
  entryStarts: 40,
  keyEnds: 44,
  keys: 48,
} as const

/** What the kernel has noted for the footer of a file of runs: the groups of one database, run after run. */
export class SectionNotes {
  /** Address of the `RunSection`, which nobody frees. */
  readonly at = kernel().calls.newSection()

  clear(): void {
    kernel().calls.clearSection(this.at)
  }

  /** The numbers of the groups that `writeSection()` has written, run after run. */
  groups(): Int32Array {
    return this.ints(Field.a, this.field(Field.groups))
  }

  /**
   * What was noted, as views of the kernel's memory: they hold until it notes or allocates more.
   *
   * @param ranks of the groups whose numbers were noted, which the ranks replace; null when their names were
   */
  section(ranks: GroupRanks | null): RunSection {
    const groups = this.field(Field.groups)
    const entries = this.field(Field.entries)
    const a = this.ints(Field.a, groups)
    const b = this.ints(Field.b, groups)
    if (ranks !== null) {
      const { first, second } = ranks
      if (second !== null) for (let i = 0; i < groups; i++) b[i] = second[a[i]]
      for (let i = 0; i < groups; i++) a[i] = first[a[i]]
    }
    const runs = this.field(Field.runs)
    const ends = new Uint32Array(kernel().mem.buffer, this.field(Field.keyEnds), entries)
    const keys = this.field(Field.keys)
    return {
      starts: this.positions(Field.starts, runs),
      runEnds: this.ints(Field.runEnds, runs),
      a,
      b,
      counts: this.ints(Field.counts, groups),
      ends: this.positions(Field.ends, groups),
      entryGroups: this.ints(Field.entryGroups, entries),
      entryStarts: this.positions(Field.entryStarts, entries),
      entryKeys: { bytes: new Uint8Array(kernel().mem.buffer, keys, ends.at(-1) ?? 0), ends },
    }
  }

  private field(field: number): number {
    return kernel().view.getUint32(this.at + field, true)
  }

  private ints(field: number, count: number): Int32Array<ArrayBuffer> {
    return new Int32Array(kernel().mem.buffer, this.field(field), count)
  }

  private positions(field: number, count: number): Float64Array<ArrayBuffer> {
    return new Float64Array(kernel().mem.buffer, this.field(field), count)
  }
}

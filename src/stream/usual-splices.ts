import { type Kernel, kernel } from '../kernel/kernel.js'
import type { Leaves, RowCursor } from '../page/row-cursor.js'
import { nameOf, type StortypeSource } from '../translate/stortypes.js'
import { offsetKey } from './offset-key.js'

/** Where the fields of `Splices` are, and what `addSplices()` returns (src/kernel/assembly/splices.ts). */
const Field = {
  next: 0,
  end: 8,
  rows: 16,
  translated: 24,
  window: 32,
  pageBytes: 36,
  pageCount: 40,
  page: 44,
  index: 48,
  pages: 52,
  big: 56,
  bigBytes: 60,
  dropped: 64,
  scope: 68,
  name: 72,
  nameBytes: 76,
} as const
const Status = { done: 0, newName: 1, gap: 2, big: 3, odd: 4 } as const
const Scope = { forms: -1, tagProps: -2 } as const
/** The value of a name whose splices the kernel leaves to us. */
const NOT_USUAL = -2
/** The kernel keeps the number of a form above its stortype. */
const FORM_SHIFT = 16
const MOST_FORMS = 1 << 15

/** Translates usual splices in the kernel, all leaf pages that a cursor has read at a time. Each thread has one. */
export class UsualSplices {
  private readonly kernel: Kernel = kernel()
  private readonly at = this.kernel.calls.newSplices()
  private readonly window: number
  private stortypes: StortypeSource | null = null
  private readonly forms: string[] = []
  /** The pages that the kernel has. */
  private firstPage = 0
  private pageCount = 0
  private stop: Uint8Array | null = null
  private status: number = Status.done

  constructor() {
    this.window = this.field(Field.window)
  }

  /**
   * Gets ready for a range.
   *
   * @param pages the address of the `LeafPages` that take the rows
   * @param end the first offset that is not of the range
   */
  open(stortypes: StortypeSource, pages: number, end: number | null): void {
    const { at, kernel } = this
    if (stortypes !== this.stortypes) {
      kernel.calls.clearSpliceNames(at)
      this.forms.length = 0
      this.stortypes = stortypes
    }
    const { view } = kernel
    view.setUint32(at + Field.pages, pages, true)
    view.setFloat64(at + Field.end, end ?? Number.POSITIVE_INFINITY, true)
    view.setFloat64(at + Field.translated, 0, true)
    this.stop = end === null ? null : offsetKey(end)
    this.pageCount = 0
  }

  /**
   * Translates from the splice of the cursor on, which has this offset and starts a group, up to the first group that is
   * not usual.
   *
   * @param rows how many rows there are already
   * @returns whether there are more; the cursor is then at the first one that is not translated
   */
  translate(cursor: RowCursor, offset: number, rows: number): boolean {
    const { at, kernel } = this
    kernel.calls.beginSplices(at, offset, rows)
    let more = true
    do more = this.addPages(cursor)
    while (more && (this.status === Status.done || this.status === Status.big))
    if (!more) kernel.calls.endSplices(at)
    return more
  }

  /** Translates what the cursor has read ahead. */
  private addPages(cursor: RowCursor): boolean {
    const { pgno, index } = this.take(cursor.leaves() as Leaves)
    const { at, kernel } = this
    const first = pgno - this.firstPage
    kernel.view.setUint32(at + Field.page, first, true)
    kernel.view.setUint32(at + Field.index, index, true)
    do this.status = kernel.calls.addSplices(at)
    while (this.status === Status.newName && this.addName())
    const next = this.field(Field.index)
    // Splices of the same group, which are not translated either. It may have started on an earlier page.
    const dropped = this.field(Field.dropped)
    if (dropped > next) return this.goBack(cursor)
    const more = cursor.moveTo(next - dropped, this.field(Field.page) - first)
    if (this.status === Status.big) this.giveValue(cursor)
    return more
  }

  /** Goes to the first splice that was dropped. Branch pages may be damaged where reading on does not need them. */
  private goBack(cursor: RowCursor): true {
    const key = offsetKey(this.next)
    if (!cursor.seek(key, this.stop) || Buffer.compare(key, cursor.key()) !== 0) {
      throw cursor.corrupt(`splice ${this.next} is not where its key belongs`)
    }
    return true
  }

  /** Copies the leaves to the kernel, if it does not have them yet. */
  private take(leaves: Leaves): Leaves {
    const { bytes, pages, pgno } = leaves
    const inWindow = pgno - this.firstPage
    if (inWindow >= 0 && inWindow < this.pageCount && this.pageCount <= inWindow + pages) return leaves
    const { at, kernel } = this
    kernel.mem.set(bytes, this.window)
    kernel.view.setUint32(at + Field.pageBytes, bytes.length / pages, true)
    kernel.view.setUint32(at + Field.pageCount, pages, true)
    this.firstPage = pgno
    this.pageCount = pages
    return leaves
  }

  /** Whether it has stopped before a group that is not usual, and not only before a gap. */
  get isOdd(): boolean {
    return this.status === Status.odd
  }

  /** The offset behind the last translated splice. */
  get next(): number {
    return this.kernel.view.getFloat64(this.at + Field.next, true)
  }

  get rows(): number {
    return this.kernel.view.getFloat64(this.at + Field.rows, true)
  }

  /** Splices in the rows since `open()`. */
  get translated(): number {
    return this.kernel.view.getFloat64(this.at + Field.translated, true)
  }

  private field(field: number): number {
    return this.kernel.view.getUint32(this.at + field, true)
  }

  /** Tells the kernel what it has asked for. */
  private addName(): true {
    const { at, kernel } = this
    const start = this.field(Field.name)
    const name = nameOf(kernel.mem, start, start + this.field(Field.nameBytes))
    kernel.calls.addSpliceName(at, this.valueOf(kernel.view.getInt32(at + Field.scope, true), name))
    return true
  }

  /** Gives the kernel a value from overflow pages. */
  private giveValue({ valueBuf, valueStart, valueEnd }: RowCursor): void {
    const { at, kernel } = this
    kernel.mem.set(valueBuf.subarray(valueStart, valueEnd), this.field(Field.big))
    kernel.view.setUint32(at + Field.bigBytes, valueEnd - valueStart, true)
  }

  private valueOf(scope: number, name: string): number {
    const { stortypes, forms } = this
    if (stortypes === null) return NOT_USUAL
    if (scope === Scope.tagProps) return stortypes.tagPropStortype(name) ?? NOT_USUAL
    if (scope !== Scope.forms) return stortypes.propStortype(forms[scope], name) ?? NOT_USUAL
    const stortype = stortypes.formStortype(name)
    if (stortype === undefined || stortypes.names?.isOld(name) || forms.length === MOST_FORMS) return NOT_USUAL
    return ((forms.push(name) - 1) << FORM_SHIFT) | stortype
  }
}

let own: UsualSplices | null = null

/** That of this thread. */
export function usualSplices(): UsualSplices {
  own ??= new UsualSplices()
  return own
}

import { type Kernel, kernel } from '../kernel/kernel.js'
import type { Page } from '../page/page.js'
import type { RowCursor } from '../page/row-cursor.js'
import { nameOf, type StortypeSource } from '../translate/stortypes.js'

/** Where the fields of `Splices` are, and what its `status` says (src/kernel/assembly/splices.ts). */
const Field = {
  next: 0,
  end: 8,
  rows: 16,
  translated: 24,
  page: 32,
  pageBytes: 36,
  pages: 40,
  big: 44,
  bigBytes: 48,
  status: 52,
  dropped: 56,
  scope: 60,
  name: 64,
  nameBytes: 68,
} as const
const Status = { pageEnd: 0, newName: 1, gap: 2, big: 3, odd: 4 } as const
const Scope = { forms: -1, tagProps: -2 } as const
/** The value of a name whose splices the kernel leaves to us. */
const NOT_USUAL = -2
/** The kernel keeps the number of a form above its stortype. */
const FORM_SHIFT = 16
const MOST_FORMS = 1 << 15

/** Translates usual splices in the kernel, a leaf page at a time. Each thread has one. */
export class UsualSplices {
  private readonly kernel: Kernel = kernel()
  private readonly at = this.kernel.calls.newSplices()
  private readonly page: number
  private stortypes: StortypeSource | null = null
  private readonly forms: string[] = []
  /** The page that the kernel has. */
  private copied: Page | null = null

  constructor() {
    this.page = this.kernel.view.getUint32(this.at + Field.page, true)
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
    this.copied = null
  }

  /** Says that the next splice has this offset and starts a group, and how many rows there are. */
  begin(offset: number, rows: number): void {
    this.kernel.calls.beginSplices(this.at, offset, rows)
  }

  /** Translates splices from that of the cursor on. Returns the first node of its page that we must do, or their number. */
  add(cursor: RowCursor): number {
    const { at, kernel } = this
    const { page, index } = cursor.place
    if (page !== this.copied) {
      kernel.mem.set(page.buf.subarray(page.at, page.end), this.page)
      kernel.view.setUint32(at + Field.pageBytes, page.end - page.at, true)
      this.copied = page
    }
    for (let done = index; ; ) {
      done = kernel.calls.addSplices(at, done, page.count)
      const status = this.field(Field.status)
      if (status === Status.newName) this.addName()
      else if (status === Status.big) this.addValue(cursor, done)
      else return done
    }
  }

  /** Ends the group. */
  end(): void {
    this.kernel.calls.endSplices(this.at)
  }

  /** Whether the node at which `add()` has stopped cannot be translated in the kernel, or the group that it may belong to. */
  get isOdd(): boolean {
    return this.field(Field.status) === Status.odd
  }

  /** How many splices of this group there were before the node at which `add()` stopped; none of them is translated. */
  get dropped(): number {
    return this.field(Field.dropped)
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
  private addName(): void {
    const { at, kernel } = this
    const start = this.field(Field.name)
    const name = nameOf(kernel.mem, start, start + this.field(Field.nameBytes))
    kernel.calls.addSpliceName(at, this.valueOf(kernel.view.getInt32(at + Field.scope, true), name))
  }

  /** Gives the kernel a value from overflow pages. */
  private addValue(cursor: RowCursor, index: number): void {
    const { at, kernel } = this
    cursor.moveTo(index)
    const { valueBuf, valueStart, valueEnd } = cursor
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

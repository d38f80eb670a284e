import { copyOf } from '../../bytes/msgpack-text.js'
import { equalSpans } from '../../bytes/spans.js'
import { EditBuffer } from '../../translate/edit-buffer.js'
import type { NodeEdit, SpliceFailure } from '../../translate/splice-sink.js'
import { SpliceTranslator } from '../../translate/splices.js'
import type { RawSplice } from '../api.js'
import type { DictModel } from '../dict-model.js'

/** The result for the splices `[offset, endOffset)` of a layer: one node edit, or only failures. */
export interface Translated {
  readonly offset: number
  readonly endOffset: number
  /** Raw `[buid, form, [edit, ...]]`, or null. */
  readonly nodeEdit: Uint8Array | null
  readonly meta: Uint8Array
  /** The splices of the node edit, with their offsets. */
  readonly splices: readonly OffsetSplice[]
  readonly failures: readonly SpliceFailure[]
}

export interface OffsetSplice {
  readonly offset: number
  readonly splice: RawSplice
}

const NO_META = Uint8Array.of(0x80)

/**
 * Turns a layer's splices into node edits and failures whose ranges follow each other without a gap. So everything up
 * to an end offset is complete.
 */
export class Translation {
  private readonly translator: SpliceTranslator
  private readonly emit: (translated: Translated) => void
  private next: number
  private itemOffset: number
  private splices: OffsetSplice[] = []
  private failures: SpliceFailure[] = []
  private failed: SpliceFailure | null = null

  constructor(model: () => DictModel, offset: number, emit: (translated: Translated) => void) {
    this.next = offset
    this.itemOffset = offset
    this.emit = emit
    this.translator = new SpliceTranslator(
      {
        formStortype: (form) => model().formStortype(form),
        propStortype: (form, prop) => model().propStortype(form, prop),
        tagPropStortype: (prop) => model().tagPropStortype(prop),
      },
      {
        nodeEdit: (edit) => this.take(edit),
        failure: (failure) => {
          this.failed = failure
        },
      },
      { tagProps: () => model().tagPropStortypes() },
    )
  }

  /** The offset that the next splice must have. */
  get nextOffset(): number {
    return this.next
  }

  /** Whether splices wait for the end of their group. */
  get isOpen(): boolean {
    return this.splices.length > 0
  }

  /**
   * Takes the next splice.
   *
   * @param isFinal decides whether a failure stays one; if not, add the splice again
   * @returns whether it took the splice
   */
  add(splice: RawSplice, isFinal: (failure: SpliceFailure) => boolean): boolean {
    this.failed = null
    const offset = this.next
    this.translator.add(offset, splice, 0, splice.length)
    const failed = this.failed as SpliceFailure | null
    if (failed !== null && !isFinal(failed)) return false
    this.next++
    if (failed === null) this.splices.push({ offset, splice })
    else this.failures.push(failed)
    if (!this.isOpen) this.emitFailures()
    return true
  }

  /** Ends the group. */
  flush(): void {
    this.translator.flush()
    this.emitFailures()
  }

  modelChanged(): void {
    this.translator.modelChanged()
  }

  private take({ buf, editStart, metaStart, end }: NodeEdit): void {
    this.hand(copyOf(buf, editStart, metaStart), copyOf(buf, metaStart, end))
  }

  private emitFailures(): void {
    if (this.failures.length > 0) this.hand(null, NO_META)
  }

  private hand(nodeEdit: Uint8Array | null, meta: Uint8Array): void {
    const [offset, endOffset] = [this.itemOffset, this.next]
    const [splices, failures] = [this.splices, this.failures]
    this.itemOffset = endOffset
    this.splices = []
    this.failures = []
    this.emit({ offset, endOffset, nodeEdit, meta, splices, failures })
  }
}

/** The array of node edits for one push. */
export function packNodeEdits(nodeEdits: readonly Uint8Array[]): Uint8Array {
  const packed = new EditBuffer()
  const count = nodeEdits.length
  if (count <= 15) packed.byte(0x90 | count)
  else {
    packed.byte(0xdc)
    packed.byte(count >> 8)
    packed.byte(count & 0xff)
  }
  for (const nodeEdit of nodeEdits) packed.span(nodeEdit, 0, nodeEdit.length)
  return copyOf(packed.buf, 0, packed.length)
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return equalSpans(a, 0, a.length, b, 0, b.length)
}

import { BUID_BYTES } from '../bytes/buid.js'
import { copySpan, keptViewOf, type RowSink, viewOf } from '../bytes/spans.js'
import type { SourceNode } from './source-node.js'

/** What we need to know of a node's form to write its rows. */
export interface RowForm {
  readonly name: string
  /** msgpack of the name. */
  readonly nameBytes: Uint8Array
  /** The raw name, as rows of flag 09 hold it. */
  readonly nameUtf8: Uint8Array
}

/** Flag bytes in 0.2.x `bybuid` keys: buid + flag + name. */
export const Flag = { ndef: 0x00, prop: 0x01, tag: 0x02, tagProp: 0x03, form: 0x09 } as const

/** msgpack array heads: `[form, valu, stortype]` in an ndef row, `[valu, stortype]` in a prop row. */
const TRIPLE = 0x93
const PAIR = 0x92
/** LMDB's longest key has 511 bytes. */
const KEY_ROOM_BYTES = 1024

/**
 * The 0.2.x `bybuid` rows of one translated node, in key order, as spans of the source's rows. Key: buid, flag, name in
 * UTF-8. Value: msgpack of `[form, valu, stortype]` (ndef), of `[valu, stortype]` (props, tag props), of `valu` (tags), or
 * the form's raw name (flag 09).
 */
export class NodeRows<Form extends RowForm = RowForm> {
  count = 0
  form: Form | null = null
  /** Whether the node has anything besides its form row; Synapse then writes the row of flag 09. */
  hasForm = false
  private readonly flags: number[] = []
  /** Numbers of the source rows. */
  private readonly sourceOf: number[] = []
  /** Where the name starts within the source row's name. */
  private readonly nameSkips: number[] = []
  private readonly valuEnds: number[] = []
  /** msgpack of the stortype; null for tags, whose value has none. */
  private readonly stors: (Uint8Array | null)[] = []
  private readonly key = Buffer.alloc(KEY_ROOM_BYTES)
  private readonly keyView = viewOf(this.key)
  private value = Buffer.alloc(1 << 12)
  private valueView = viewOf(this.value)
  /** The source page of the last row. */
  private page: Uint8Array = this.value
  private pageView = this.valueView

  begin(): void {
    this.count = 0
    this.form = null
    this.hasForm = false
  }

  add(flag: number, source: number, nameSkip: number, valuEnd: number, stor: Uint8Array | null): void {
    const at = this.count++
    this.flags[at] = flag
    this.sourceOf[at] = source
    this.nameSkips[at] = nameSkip
    this.valuEnds[at] = valuEnd
    this.stors[at] = stor
  }

  /** Puts the rows in key order. Calls `same` for two rows with the same key, with the source row of one of them. */
  sort(node: SourceNode, same: (source: number) => void): void {
    const name = (at: number) => node.name(this.sourceOf[at]).subarray(this.nameSkips[at])
    const order = Array.from({ length: this.count }, (_, at) => at)
    order.sort((a, b) => {
      const diff = this.flags[a] - this.flags[b] || Buffer.compare(name(a), name(b))
      if (diff === 0) same(this.sourceOf[a])
      return diff
    })
    for (const list of [this.flags, this.sourceOf, this.nameSkips, this.valuEnds, this.stors] as unknown[][]) {
      const copy = list.slice(0, this.count)
      order.forEach((from, to) => {
        list[to] = copy[from]
      })
    }
  }

  /** The numbers of the source rows that these rows come from. */
  sources(): Set<number> {
    return new Set(this.sourceOf.slice(0, this.count))
  }

  /** Hands over all rows of the node except that of flag 09. */
  writeTo(node: SourceNode, sink: RowSink): void {
    this.setBuid(node.buid)
    for (let at = 0; at < this.count; at++) this.write(at, node, sink)
  }

  /** Hands over the row of flag 09. */
  writeForm(buid: Uint8Array, form: RowForm, sink: RowSink): void {
    this.setBuid(buid)
    this.key[BUID_BYTES] = Flag.form
    sink.add(this.key, 0, BUID_BYTES + 1, form.nameUtf8, 0, form.nameUtf8.length)
  }

  private write(at: number, node: SourceNode, sink: RowSink): void {
    const key = this.key
    const i = this.sourceOf[at]
    const flag = this.flags[at]
    key[BUID_BYTES] = flag
    let keyEnd = BUID_BYTES + 1
    if (flag !== Flag.ndef) {
      const nameBuf = node.nameBuf[i]
      const nameStart = node.nameStart[i] + this.nameSkips[at]
      const nameEnd = node.nameEnd[i]
      copySpan(key, this.keyView, keyEnd, nameBuf, this.viewOf(nameBuf), nameStart, nameEnd)
      keyEnd += nameEnd - nameStart
    }
    const rowBuf = node.rowBuf[i]
    const valuStart = node.valuStart(i)
    const valuEnd = this.valuEnds[at]
    const stor = this.stors[at]
    if (stor === null) {
      sink.add(key, 0, keyEnd, rowBuf, valuStart, valuEnd)
      return
    }
    const { form } = this
    this.makeRoom(valuEnd - valuStart + stor.length + 1 + 64 + (form?.nameBytes.length ?? 0))
    const value = this.value
    let end = 0
    if (flag === Flag.ndef && form !== null) {
      value[end++] = TRIPLE
      const { nameBytes } = form
      for (let n = 0; n < nameBytes.length; n++) value[end++] = nameBytes[n]
    } else value[end++] = PAIR
    copySpan(value, this.valueView, end, rowBuf, this.viewOf(rowBuf), valuStart, valuEnd)
    end += valuEnd - valuStart
    for (let n = 0; n < stor.length; n++) value[end++] = stor[n]
    sink.add(key, 0, keyEnd, value, 0, end)
  }

  /** `set()` takes longer than so few bytes. */
  private setBuid(buid: Uint8Array): void {
    const { key } = this
    for (let i = 0; i < BUID_BYTES; i++) key[i] = buid[i]
  }

  private makeRoom(bytes: number): void {
    if (bytes <= this.value.length) return
    this.value = Buffer.alloc(bytes * 2)
    this.valueView = viewOf(this.value)
  }

  private viewOf(buf: Uint8Array): DataView {
    if (buf !== this.page) {
      this.page = buf
      this.pageView = keptViewOf(buf)
    }
    return this.pageView
  }
}

import { BUID_BYTES } from '../bytes/buid.js'
import { decode, encode, MsgpackError, PackMap, skip, type Value } from '../bytes/msgpack.js'
import { copySpan, keptViewOf, sameSpans, viewOf } from '../bytes/spans.js'
import { NameMark } from '../layout/source-layer.js'

// A constant here because each row needs it: access to it is faster than to a property of an object.
const HASH = NameMark.tag
const STAR = NameMark.form
const COLON = 0x3a
const BIN8 = 0xc4

/** The kind of a row, by the first character of its name. */
export const RowKind = { form: 0, prop: 1, tag: 2, tagProp: 3 } as const

/**
 * The rows of one 0.1.x node as spans of the source's pages: the `bybuid` rows whose key starts with the same 32 bytes.
 * The same object serves one node after another. After the buid, the key holds the name in UTF-8 (`*form`, `#tag`,
 * `#tag:prop`, else a property, with a leading dot for universal ones); the value is the msgpack of `[valu, indx]`.
 */
export class SourceNode {
  readonly buid = Buffer.alloc(BUID_BYTES)
  private readonly buidView = viewOf(this.buid)
  /** The page of the last key. */
  private page: Uint8Array = this.buid
  private pageView = this.buidView
  count = 0
  readonly nameBuf: Uint8Array[] = []
  readonly nameStart: number[] = []
  readonly nameEnd: number[] = []
  readonly rowBuf: Uint8Array[] = []
  readonly rowStart: number[] = []
  readonly rowEnd: number[] = []
  /** A `RowKind` for each row. */
  readonly kinds: number[] = []
  /** Position of the first colon in a tag property's name, else -1. */
  readonly colons: number[] = []

  begin(buf: Uint8Array, keyStart: number): void {
    copySpan(this.buid, this.buidView, 0, buf, this.viewOf(buf), keyStart, keyStart + BUID_BYTES)
    this.count = 0
  }

  has(buf: Uint8Array, keyStart: number): boolean {
    return sameSpans(this.viewOf(buf), keyStart, this.buidView, 0, BUID_BYTES)
  }

  add(
    nameBuf: Uint8Array,
    nameStart: number,
    nameEnd: number,
    rowBuf: Uint8Array,
    rowStart: number,
    rowEnd: number,
  ): void {
    const i = this.count++
    this.nameBuf[i] = nameBuf
    this.nameStart[i] = nameStart
    this.nameEnd[i] = nameEnd
    this.rowBuf[i] = rowBuf
    this.rowStart[i] = rowStart
    this.rowEnd[i] = rowEnd
    const first = nameBuf[nameStart]
    let colon = -1
    if (first === HASH) {
      for (let at = nameStart + 1; at < nameEnd; at++) {
        if (nameBuf[at] !== COLON) continue
        colon = at
        break
      }
    }
    this.colons[i] = colon
    if (first === HASH) this.kinds[i] = colon < 0 ? RowKind.tag : RowKind.tagProp
    else this.kinds[i] = first === STAR ? RowKind.form : RowKind.prop
  }

  /** Drops its references to pages, so that they can be freed. */
  clear(): void {
    this.count = 0
    this.nameBuf.length = 0
    this.rowBuf.length = 0
    this.page = this.buid
    this.pageView = this.buidView
  }

  /**
   * Where the bytes of the first element of row `i`'s `[valu, indx]` end. They start at `valuStart(i)`.
   *
   * @throws {MsgpackError} when the row is not exactly such a pair
   */
  valuEnd(i: number): number {
    const buf = this.rowBuf[i]
    const end = this.rowEnd[i]
    const start = this.valuStart(i)
    const valuEnd = skip(buf, start, end)
    // Nearly every index is of bin8.
    if (buf[valuEnd] === BIN8 && valuEnd + 2 + buf[valuEnd + 1] === end) return valuEnd
    if (skip(buf, valuEnd, end) !== end) throw new MsgpackError('bytes are left behind the [valu, indx] pair')
    return valuEnd
  }

  valuStart(i: number): number {
    const buf = this.rowBuf[i]
    const at = this.rowStart[i]
    // What lies behind the row is not its own.
    const bytes = this.rowEnd[i] - at
    if (bytes >= 1 && buf[at] === 0x92) return at + 1
    if (bytes >= 3 && buf[at] === 0xdc && buf[at + 1] === 0 && buf[at + 2] === 2) return at + 3
    const isLong = bytes >= 5 && buf[at] === 0xdd && buf[at + 1] === 0 && buf[at + 2] === 0
    if (isLong && buf[at + 3] === 0 && buf[at + 4] === 2) return at + 5
    throw new MsgpackError('the value is not a [valu, indx] pair')
  }

  name(i: number): Uint8Array {
    return this.nameBuf[i].subarray(this.nameStart[i], this.nameEnd[i])
  }

  /** The index of the node's form row (the first, if there are several), or -1. */
  formRow(): number {
    for (let i = 0; i < this.count; i++) if (this.kinds[i] === RowKind.form) return i
    return -1
  }

  /** The form's name in the form row; null when there is no form row, or when the name is not UTF-8. */
  formName(): string | null {
    const i = this.formRow()
    return i < 0 ? null : strictText(this.name(i).subarray(1))
  }

  /** Its rows unchanged, `[[name bytes, value bytes], ...]`. */
  rawRows(): Value[] {
    return Array.from({ length: this.count }, (_, i) => [
      Uint8Array.from(this.name(i)),
      this.rowBuf[i].slice(this.rowStart[i], this.rowEnd[i]),
    ])
  }

  /**
   * The node in the layout of the reference's error records: `[buid, {ndef, props, tags, tagprops}]`, with stored
   * names. Adds rows that it cannot decode unchanged under `rows`: `[[name bytes, value bytes], ...]`.
   */
  toRecord(): Value {
    let ndef: Value = null
    const props: [Value, Value][] = []
    const tags: [Value, Value][] = []
    const tagProps = new Map<string, [Value, Value][]>()
    const raw: Value[] = []
    for (let i = 0; i < this.count; i++) {
      const name = strictText(this.name(i))
      const valu = this.decoded(i)
      if (name === null || valu === undefined) {
        raw.push([Uint8Array.from(this.name(i)), this.rowBuf[i].slice(this.rowStart[i], this.rowEnd[i])])
        continue
      }
      const kind = this.kinds[i]
      if (kind === RowKind.form && ndef === null) ndef = [name, valu]
      else if (kind === RowKind.tag) tags.push([name, valu])
      else if (kind === RowKind.tagProp) {
        const colon = name.indexOf(':')
        const tag = name.slice(0, colon)
        const list = tagProps.get(tag) ?? []
        list.push([name.slice(colon + 1), valu])
        tagProps.set(tag, list)
      } else props.push([name, valu])
    }
    const entries: [Value, Value][] = [
      ['ndef', ndef],
      ['props', new PackMap(props)],
      ['tags', new PackMap(tags)],
      ['tagprops', new PackMap([...tagProps].map(([tag, list]) => [tag, new PackMap(list)]))],
    ]
    if (raw.length > 0) entries.push(['rows', raw])
    return [Uint8Array.from(this.buid), new PackMap(entries)]
  }

  private viewOf(buf: Uint8Array): DataView {
    if (buf !== this.page) {
      this.page = buf
      this.pageView = keptViewOf(buf)
    }
    return this.pageView
  }

  private decoded(i: number): Value | undefined {
    try {
      return decode(this.rowBuf[i], this.valuStart(i), this.valuEnd(i))
    } catch {
      return undefined
    }
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Names must be strict UTF-8: returns null for anything else, including surrogates. */
export function strictText(bytes: Uint8Array): string | null {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return null
  }
}

/**
 * The msgpack of a name in an abbreviation namespace: `[form, prop]` or `[form, tag, prop]`, with null for absent
 * parts.
 */
export function packedName(...parts: (string | null)[]): Uint8Array {
  return encode(parts)
}

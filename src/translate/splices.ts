import { encode, skip } from '../bytes/msgpack.js'
import { equalSpans, keptViewOf } from '../bytes/spans.js'
import { assert } from '../errors.js'
import { BuidCache } from './buid-cache.js'
import { EditBuffer } from './edit-buffer.js'
import { isText } from './msgpack-heads.js'
import { SpliceKind, SpliceReader } from './splice-reader.js'
import type { NodeEdit, SpliceFailCode, SpliceSink } from './splice-sink.js'
import {
  type FormEntry,
  nameOf,
  OLD_FORMS,
  OLD_PROPS,
  type OldNames,
  StortypeCache,
  type StortypeSource,
} from './stortypes.js'

export interface SpliceOptions {
  /**
   * Tag props of the model. 0.1.x deletes the tag props of a deleted tag without logging splices, so we add their
   * deletion before each `tag:del`. Default: none.
   */
  readonly tagProps?: () => Iterable<readonly [prop: string, stortype: number]>
}

const NODE_EDIT_HEAD_BYTES = 2 + 1 + 34
const MOST_ARRAY_HEAD_BYTES = 5
const META_KEYS = ['time', 'user', 'prov'].map((key) => encode(key))
/** Stortype `msgp`: the only one that can store a null. */
const MSGP = 13
/** A number that no ndef or prov has. */
const NO_ID = -1

/**
 * Translates the splices of one layer, in offset order, into node edits.
 *
 * Consecutive splices with one ndef (the same bytes) and one prov become one node edit. A splice without prov may be
 * followed by any prov, and neither `user` nor `time` ends a group. The node edit gets the meta of the group's first
 * splice. A splice that cannot be translated is a failure of its own, and we keep the rest of its group. An unreadable
 * splice or a missing offset ends the group. So every splice is in exactly one node edit or one failure, wherever
 * translation starts: whether a splice starts a group depends only on it and on the splice at the offset before.
 *
 * Values pass through unchanged, so nothing is lost. For the layout see migration spec 2.13 and 3.8.
 */
export class SpliceTranslator {
  /** Splices with names of an older model that became edits with today's names (D61). */
  renamed = 0
  private readonly sink: SpliceSink
  private readonly stortypes: StortypeCache
  private readonly tagProps: (() => Iterable<readonly [string, number]>) | undefined
  private readonly names: OldNames | undefined
  private readonly splice = new SpliceReader()
  private readonly buids = new BuidCache()
  /** The ndef and prov of the previous splice, with the reader's numbers for them; length 0 means none. */
  private readonly ndef = new EditBuffer()
  private readonly prov = new EditBuffer()
  private ndefId = NO_ID
  private provId = NO_ID
  /** Room for the node edit's head, then the edits. The head is written last, when their number is known. */
  private readonly edits = new EditBuffer()
  private readonly meta = new EditBuffer()
  /** The ndef that the edits are for: `ndef`, or its form of today. */
  private edited = this.ndef
  private readonly today = new EditBuffer()
  /** Where the form's msgpack starts in `edited`. */
  private formOffset = 0
  private formBytes = 0
  private form: FormEntry | null = null
  private editCount = 0
  private spliceCount = 0
  private nextOffset = 0
  private firstOffset = 0
  private lastOffset = 0
  private deletions: { propBytes: Uint8Array; stortype: number }[] | null = null
  /** The current splice: `buf[start, end)`. */
  private offset = 0
  private buf: Uint8Array = new Uint8Array(0)
  private view: DataView = keptViewOf(this.buf)
  private start = 0
  private end = 0

  constructor(stortypes: StortypeSource, sink: SpliceSink, options: SpliceOptions = {}) {
    this.names = stortypes.names
    this.stortypes = new StortypeCache(stortypes)
    this.sink = sink
    this.tagProps = options.tagProps
  }

  /** Translates the splice in `buf[start, end)`. Keeps no reference to `buf`. */
  add(offset: number, buf: Uint8Array, start: number, end: number): void {
    this.take(offset, buf, start, end)
    const unreadable = this.splice.read(buf, start, end)
    if (unreadable !== null) {
      this.flush()
      this.fail('ROW', unreadable)
      return
    }
    if (!this.continuesEdit()) {
      this.flush()
      this.enterNode()
    }
    this.note()
    this.edit()
  }

  /**
   * Takes note of a splice that another range translates, so that we know whether the next one continues its group.
   *
   * @returns whether this splice continues the group of the one before
   */
  pass(offset: number, buf: Uint8Array, start: number, end: number): boolean {
    assert(this.spliceCount === 0, () => 'a splice was passed over within a group')
    this.take(offset, buf, start, end)
    const readable = this.splice.read(buf, start, end) === null
    const continues = readable && this.continuesEdit()
    if (!continues) this.flush()
    if (!continues && readable) this.enterNode()
    if (readable) this.note()
    return continues
  }

  /** Translates a splice if it continues the group of the one before; else does nothing and returns false. */
  addNext(offset: number, buf: Uint8Array, start: number, end: number): boolean {
    this.take(offset, buf, start, end)
    if (this.splice.read(buf, start, end) !== null || !this.continuesEdit()) return false
    this.note()
    this.edit()
    return true
  }

  /** Ends the group; the next splice starts a new one. */
  flush(): void {
    if (this.editCount > 0) this.sink.nodeEdit(this.finish())
    this.editCount = 0
    this.spliceCount = 0
    this.ndef.length = 0
    this.prov.length = 0
    this.ndefId = NO_ID
    this.provId = NO_ID
  }

  /** Call it when the model has changed: looks up every stortype again. */
  modelChanged(): void {
    this.stortypes.clear()
    this.deletions = null
    const { buf } = this.edited
    if (this.ndef.length > 0) this.form = this.stortypes.form(buf, this.formOffset, this.formOffset + this.formBytes)
  }

  private take(offset: number, buf: Uint8Array, start: number, end: number): void {
    this.offset = offset
    if (buf !== this.buf) {
      this.buf = buf
      this.view = keptViewOf(buf)
    }
    this.start = start
    this.end = end
  }

  private continuesEdit(): boolean {
    if (this.offset !== this.nextOffset) return false
    const splice = this.splice
    const ndef = this.ndef
    const isSame =
      splice.ndefId === this.ndefId || equalSpans(ndef.buf, 0, ndef.length, this.buf, splice.ndefStart, splice.ndefEnd)
    if (!isSame) return false
    const prov = this.prov
    if (prov.length === 0 || splice.provId === this.provId) return true
    return splice.provStart >= 0 && equalSpans(prov.buf, 0, prov.length, this.buf, splice.provStart, splice.provEnd)
  }

  private enterNode(): void {
    const { ndefStart, ndefEnd, formStart, formEnd, ndefId } = this.splice
    this.ndef.length = 0
    this.ndef.span(this.buf, ndefStart, ndefEnd, this.view)
    this.ndefId = ndefId
    this.edited = this.ndef
    this.formOffset = formStart - ndefStart
    this.formBytes = formEnd - formStart
    this.form = this.stortypes.form(this.buf, formStart, formEnd)
    if (this.form.isOld) this.enterOldNode()
  }

  /** Groups depend on the bytes of the splices, but their edits are for the node's ndef of today. */
  private enterOldNode(): void {
    const { buf, length } = this.ndef
    const now = this.names?.ndef(Uint8Array.from(buf.subarray(0, length))) ?? null
    if (now === null) return
    const today = this.today
    today.length = 0
    today.span(now, 0, now.length)
    this.edited = today
    this.formOffset = 1
    this.formBytes = skip(now, 1) - 1
    this.form = this.stortypes.form(today.buf, 1, 1 + this.formBytes)
  }

  private note(): void {
    this.nextOffset = this.offset + 1
    const { provStart, provEnd, provId } = this.splice
    if (provId === this.provId) return
    const buf = this.buf
    const prov = this.prov
    if (provStart < 0 || buf[provStart] === 0xc0) {
      prov.length = 0
      this.provId = NO_ID
      return
    }
    prov.length = 0
    prov.span(buf, provStart, provEnd, this.view)
    this.provId = provId
  }

  private edit(): void {
    const { kind } = this.splice
    const form = this.form as FormEntry
    if (form.stortype < 0) {
      const old = OLD_FORMS.has(form.name)
      const message = `Unable to determine stortype type for form ${form.name}${older(old)}`
      this.fail('FORM', message, form.name, old)
      return
    }
    if (kind === SpliceKind.unknown) {
      this.fail('EDIT', 'Unrecognized splice edit')
      return
    }
    if (kind <= SpliceKind.nodeDel) {
      this.begin(kind, 2)
      if (this.edited === this.ndef) {
        this.edits.span(this.buf, this.splice.valueStart, this.splice.valueEnd, this.view)
      } else this.edits.span(this.today.buf, this.formOffset + this.formBytes, this.today.length)
      this.edits.uint16(form.stortype)
      this.close()
      return
    }
    const wrong = this.wrongInfo()
    if (wrong !== null) {
      this.fail('EDIT', `Cannot translate splice: ${wrong}`)
      return
    }
    if (kind === SpliceKind.tagAdd) this.tagAdd()
    else if (kind === SpliceKind.tagDel) this.tagDel()
    else if (kind <= SpliceKind.propDel) this.prop(form)
    else this.tagProp()
  }

  /** What is missing or has the wrong type in a splice other than node:add and node:del. */
  private wrongInfo(): string | null {
    const { kind, propStart, tagStart, valuStart } = this.splice
    const buf = this.buf
    const isTag = kind >= SpliceKind.tagAdd
    if (isTag && (tagStart < 0 || !isText(buf, tagStart))) return 'its tag is not text'
    const hasProp = kind <= SpliceKind.propDel || kind >= SpliceKind.tagPropSet
    if (hasProp && (propStart < 0 || !isText(buf, propStart))) return 'its prop is not text'
    const isSet = kind === SpliceKind.propSet || kind === SpliceKind.tagAdd || kind === SpliceKind.tagPropSet
    if (isSet && valuStart < 0) return 'it has no valu'
    if (kind === SpliceKind.tagAdd && buf[valuStart] === 0xc0) return 'its valu is null'
    return null
  }

  private prop(form: FormEntry): void {
    const { kind, propStart, propEnd, valuStart, valuEnd } = this.splice
    const buf = this.buf
    const stortype = this.stortypes.prop(form, buf, propStart, propEnd)
    if ((stortype < 0 || form.isOld || this.edited !== this.ndef) && this.oldProp(form)) return
    if (stortype < 0) {
      const subject = `${form.name}:${nameOf(buf, propStart, propEnd)}`
      const old = OLD_PROPS.has(subject)
      this.fail('STORTYPE', `Unable to determine stortype type for prop ${subject}${older(old)}`, subject, old)
      return
    }
    const isSet = kind === SpliceKind.propSet
    if (isSet && this.failsAsNull(valuStart, stortype)) return
    this.begin(kind, isSet ? 4 : 3)
    const edits = this.edits
    edits.span(buf, propStart, propEnd, this.view)
    edits.spanOrNull(buf, valuStart, valuEnd, this.view)
    // The layer looks up the old value itself.
    if (isSet) edits.byte(0xc0)
    edits.uint16(stortype)
    this.close()
  }

  /** Translates a splice of a prop that has another name or value today. Returns whether it is one. */
  private oldProp(form: FormEntry): boolean {
    const { kind, propStart, propEnd, valuStart, valuEnd } = this.splice
    const buf = this.buf
    const valu = valuStart < 0 ? null : Uint8Array.from(buf.subarray(valuStart, valuEnd))
    const now = this.names?.prop(form.name, nameOf(buf, propStart, propEnd), valu) ?? null
    if (now === null) return false
    const stortype = this.stortypes.prop(form, now.name, 0, now.name.length)
    const isSet = kind === SpliceKind.propSet
    if (stortype < 0 || (isSet && now.valu !== null && isUnstorable(now.valu, 0, stortype))) return false
    if (this.edited === this.ndef) this.renamed++
    this.begin(kind, isSet ? 4 : 3)
    const edits = this.edits
    edits.span(now.name, 0, now.name.length)
    if (now.valu === null) edits.byte(0xc0)
    else edits.span(now.valu, 0, now.valu.length)
    if (isSet) edits.byte(0xc0)
    edits.uint16(stortype)
    this.close()
    return true
  }

  private tagAdd(): void {
    const { tagStart, tagEnd, valuStart, valuEnd, oldvStart, oldvEnd } = this.splice
    const buf = this.buf
    const view = this.view
    this.begin(SpliceKind.tagAdd, 3)
    this.edits.span(buf, tagStart, tagEnd, view)
    this.edits.span(buf, valuStart, valuEnd, view)
    this.edits.spanOrNull(buf, oldvStart, oldvEnd, view)
    this.close()
  }

  private tagDel(): void {
    const { tagStart, tagEnd, valuStart, valuEnd } = this.splice
    const buf = this.buf
    const view = this.view
    const edits = this.edits
    this.count()
    for (const { propBytes, stortype } of this.tagPropDeletions()) {
      this.open(SpliceKind.tagPropDel, 4)
      edits.span(buf, tagStart, tagEnd, view)
      edits.span(propBytes, 0, propBytes.length)
      edits.byte(0xc0)
      edits.uint16(stortype)
      this.close()
    }
    this.open(SpliceKind.tagDel, 2)
    edits.span(buf, tagStart, tagEnd, view)
    edits.spanOrNull(buf, valuStart, valuEnd, view)
    this.close()
  }

  private tagProp(): void {
    const { kind, tagStart, tagEnd, propStart, propEnd, valuStart, valuEnd, curvStart, curvEnd } = this.splice
    const buf = this.buf
    const view = this.view
    const stortype = this.stortypes.tagProp(buf, propStart, propEnd)
    if (stortype < 0) {
      const prop = nameOf(buf, propStart, propEnd)
      const subject = `${nameOf(buf, tagStart, tagEnd)}:${prop}`
      this.fail('STORTYPE', `Unable to determine stortype type for tag prop ${subject}`, prop)
      return
    }
    const isSet = kind === SpliceKind.tagPropSet
    if (isSet && this.failsAsNull(valuStart, stortype)) return
    this.begin(kind, isSet ? 5 : 4)
    const edits = this.edits
    edits.span(buf, tagStart, tagEnd, view)
    edits.span(buf, propStart, propEnd, view)
    edits.spanOrNull(buf, valuStart, valuEnd, view)
    if (isSet) edits.spanOrNull(buf, curvStart, curvEnd, view)
    edits.uint16(stortype)
    this.close()
  }

  private tagPropDeletions(): { propBytes: Uint8Array; stortype: number }[] {
    this.deletions ??= [...(this.tagProps?.() ?? [])].map(([prop, stortype]) => ({
      propBytes: encode(prop),
      stortype,
    }))
    return this.deletions
  }

  /** Counts the splice and opens its edit. */
  private begin(kind: number, infoItems: number): void {
    this.count()
    this.open(kind, infoItems)
  }

  private count(): void {
    if (this.edited !== this.ndef) this.renamed++
    if (this.spliceCount === 0) {
      const headBytes = NODE_EDIT_HEAD_BYTES + this.formBytes + MOST_ARRAY_HEAD_BYTES
      this.edits.length = 0
      this.edits.reserve(headBytes)
      this.edits.length = headBytes
      this.firstOffset = this.offset
      this.noteMeta()
    }
    this.spliceCount++
    this.lastOffset = this.offset
  }

  /** Opens an edit, `[kind, [`. */
  private open(kind: number, infoItems: number): void {
    this.editCount++
    const edits = this.edits
    edits.byte(0x93)
    edits.byte(kind)
    edits.byte(0x90 | infoItems)
  }

  /** Closes an edit: no dependent edits. */
  private close(): void {
    this.edits.byte(0x90)
  }

  private noteMeta(): void {
    const buf = this.buf
    const view = this.view
    const { timeKey, timeStart, timeEnd, userKey, userStart, userEnd, provKey, provStart, provEnd } = this.splice
    const meta = this.meta
    meta.length = 0
    // Usually all three are side by side and occur once.
    const isUsual = timeKey >= 0 && timeEnd === userKey && userEnd === provKey
    if (isUsual && timeStart === timeKey + 5 && userStart === userKey + 5 && provStart === provKey + 5) {
      meta.byte(0x83)
      meta.span(buf, timeKey, provEnd, view)
      return
    }
    const present = [
      { at: timeKey, key: META_KEYS[0], start: timeStart, end: timeEnd },
      { at: userKey, key: META_KEYS[1], start: userStart, end: userEnd },
      { at: provKey, key: META_KEYS[2], start: provStart, end: provEnd },
    ].filter(({ at }) => at >= 0)
    present.sort((a, b) => a.at - b.at)
    meta.byte(0x80 | present.length)
    for (const { key, start, end } of present) {
      meta.span(key, 0, key.length)
      meta.span(buf, start, end, view)
    }
  }

  private finish(): NodeEdit {
    const edits = this.edits
    const metaStart = edits.length
    edits.span(this.meta.buf, 0, this.meta.length, this.meta.view)
    const { buf } = edits
    let pos = NODE_EDIT_HEAD_BYTES + this.formBytes + MOST_ARRAY_HEAD_BYTES
    pos = putArrayHeadBefore(buf, pos, this.editCount)
    pos -= this.formBytes
    const { edited, formOffset, formBytes } = this
    for (let i = 0; i < formBytes; i++) buf[pos + i] = edited.buf[formOffset + i]
    pos -= 32
    this.buids.put(edited.buf, edited.length, buf, pos)
    buf[--pos] = 0x20
    buf[--pos] = 0xc4
    buf[--pos] = 0x93
    const editStart = pos
    buf[--pos] = 0x91
    buf[--pos] = 0x92
    return {
      buf,
      rowStart: pos,
      editStart,
      metaStart,
      end: edits.length,
      firstOffset: this.firstOffset,
      lastOffset: this.lastOffset,
      splices: this.spliceCount,
    }
  }

  /** Fails a null: no stortype but msgp can index it, and a layer that has stored one fails on every later set. */
  private failsAsNull(valuStart: number, stortype: number): boolean {
    if (!isUnstorable(this.buf, valuStart, stortype)) return false
    this.fail('NULL', 'Cannot translate splice: its valu is null')
    return true
  }

  private fail(code: SpliceFailCode, message: string, subject = '', oldModel = false): void {
    const splice = Uint8Array.from(this.buf.subarray(this.start, this.end))
    this.sink.failure({ offset: this.offset, code, message, subject, oldModel, splice })
  }
}

function older(old: boolean): string {
  return old ? ' from an older modelrev' : ''
}

function isUnstorable(buf: Uint8Array, valuStart: number, stortype: number): boolean {
  return buf[valuStart] === 0xc0 && stortype !== MSGP
}

/** Writes an array's head so that it ends at `end`, and returns where it starts. */
function putArrayHeadBefore(buf: Uint8Array, end: number, count: number): number {
  let pos = end
  if (count <= 15) {
    buf[--pos] = 0x90 | count
    return pos
  }
  const bytes = count <= 0xffff ? 2 : 4
  for (let i = 0, rest = count; i < bytes; i++, rest = Math.floor(rest / 256)) buf[--pos] = rest & 0xff
  buf[--pos] = bytes === 2 ? 0xdc : 0xdd
  return pos
}

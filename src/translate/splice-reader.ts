import { MsgpackError, skip } from '../bytes/msgpack.js'
import { copySpan, sameSpans, viewOf } from '../bytes/spans.js'
import { arrayHead, bodyOf, isText, mapHead, skipOr } from './msgpack-heads.js'

/** What a splice does. The numbers are those of the node edits that they become. */
export const SpliceKind = {
  nodeAdd: 0,
  nodeDel: 1,
  propSet: 2,
  propDel: 3,
  tagAdd: 4,
  tagDel: 5,
  tagPropSet: 6,
  tagPropDel: 7,
  /** Any other type; no 0.1.x release writes one. */
  unknown: -1,
} as const

const KINDS = [
  'node:add',
  'node:del',
  'prop:set',
  'prop:del',
  'tag:add',
  'tag:del',
  'tag:prop:set',
  'tag:prop:del',
].map((name) => Buffer.from(name))

const enc = (text: string) => Buffer.from(text)
const NDEF = enc('ndef')
const TIME = enc('time')
const USER = enc('user')
const PROV = enc('prov')
const PROP = enc('prop')
const VALU = enc('valu')
const OLDV = enc('oldv')
const CURV = enc('curv')
const TAG = enc('tag')

/** Four bytes as the number that `DataView.getInt32(pos, true)` reads. */
const word = (text: string) => Buffer.from(text, 'latin1').readInt32LE(0)
const WORD = {
  node: word('node'),
  prop: word('prop'),
  tag: word('tag:'),
  add: word(':add'),
  del: word(':del'),
  set: word(':set'),
  ndef: word('ndef'),
  valu: word('valu'),
  oldv: word('oldv'),
  curv: word('curv'),
  time: word('time'),
  user: word('user'),
  prov: word('prov'),
  /** The key `tag` with its msgpack head. */
  tagKey: word('\xa3tag'),
}
/** The msgpack of an iden in hex: `d9 20` and 32 characters. */
const IDEN_BYTES = 34
const IDEN_HEAD = 0xd920
/**
 * The sizes of `user` and `prov` with their keys, at the end of a usual splice, and of `time` as a uint64 before them.
 */
const PROV_ENTRY_BYTES = 5 + IDEN_BYTES
const TAIL_BYTES = 2 * PROV_ENTRY_BYTES
const TIME_ENTRY_BYTES = 5 + 9
/**
 * The heads of the splice and of its info, the shortest type, `ndef`, and an ndef with an empty form and a short value.
 */
const LEAST_USUAL_BYTES = 1 + 8 + 1 + 5 + 3 + TIME_ENTRY_BYTES + TAIL_BYTES
/** The keys that every usual splice has: ndef, time, user and prov. */
const USUAL_KEYS = 4

/**
 * Finds the parts of a 0.1.x splice, msgpack `[type, {ndef, [prop, tag, valu, oldv, curv,] time, user, prov}]`, without
 * decoding them. The same object reads one splice after another. Positions are offsets into the buffer given to `read`;
 * a start of -1 means that the key is absent. Keys may come in any order, and as in Python the last of equal keys
 * counts.
 */
export class SpliceReader {
  kind: number = SpliceKind.unknown
  ndefStart = -1
  ndefEnd = -1
  /** The form: a msgpack text. */
  formStart = -1
  formEnd = -1
  /** The node's value. */
  valueStart = -1
  valueEnd = -1
  propStart = -1
  propEnd = -1
  tagStart = -1
  tagEnd = -1
  valuStart = -1
  valuEnd = -1
  oldvStart = -1
  oldvEnd = -1
  curvStart = -1
  curvEnd = -1
  /** `*Key` are the positions of the keys, which set the order of a node edit's meta. */
  timeKey = -1
  timeStart = -1
  timeEnd = -1
  userKey = -1
  userStart = -1
  userEnd = -1
  provKey = -1
  provStart = -1
  provEnd = -1
  /** Numbers for the ndef and the prov. Equal numbers mean equal bytes; different numbers mean nothing. */
  ndefId = 0
  provId = 0

  private ids = 0
  private buf: Uint8Array = new Uint8Array(0)
  private view = viewOf(this.buf)
  /** The ndef of the last usual splice, and its user and prov with their keys. */
  private ndefBuf = new Uint8Array(256)
  private ndefView = viewOf(this.ndefBuf)
  private ndefBytes = 0
  private formBytes = 0
  private lastNdefId = 0
  private readonly tail = new Uint8Array(TAIL_BYTES)
  private readonly tailView = viewOf(this.tail)
  private lastProvId = 0

  /**
   * Reads the splice that fills `buf[start, end)`.
   *
   * @returns null, or the reason why it cannot be read; the fields are then invalid
   */
  read(buf: Uint8Array, start: number, end: number): string | null {
    try {
      if (this.readUsual(buf, start, end)) return null
      this.ndefId = ++this.ids
      this.provId = ++this.ids
      return this.readFields(buf, start, end)
    } catch (error) {
      if (error instanceof MsgpackError) return `Cannot decode splice: ${error.message}`
      throw error
    }
  }

  /**
   * Reads the layout that 0.1.x writes: `ndef` first, and `time`, `user` and `prov` last, each of its usual length.
   * Parts equal to those of the splice before are known to be valid msgpack, so it only compares them.
   *
   * @returns false for any other layout; the fields are then invalid
   */
  private readUsual(buf: Uint8Array, start: number, end: number): boolean {
    if (end - start < LEAST_USUAL_BYTES || buf[start] !== 0x92) return false
    if (buf !== this.buf) {
      this.buf = buf
      this.view = viewOf(buf)
    }
    const view = this.view
    const kind = usualKind(view, start + 1)
    if (kind < 0) return false
    const info = start + 2 + (view.getUint8(start + 1) & 0x1f)
    const items = view.getUint8(info) ^ 0x80
    if (items < USUAL_KEYS || items > 15) return false
    if (view.getUint8(info + 1) !== 0xa4 || view.getInt32(info + 2, true) !== WORD.ndef) return false
    const tail = end - TAIL_BYTES
    const time = tail - TIME_ENTRY_BYTES
    if (view.getUint8(time) !== 0xa4 || view.getInt32(time + 1, true) !== WORD.time) return false
    if (view.getUint8(time + 5) !== 0xcf || !this.usualTail(tail)) return false
    const ndef = info + 6
    const ndefEnd = this.usualNdef(ndef, time)
    if (ndefEnd < 0 || !this.usualEntries(ndefEnd, time, items - USUAL_KEYS)) return false
    this.kind = kind
    this.ndefStart = ndef
    this.ndefEnd = ndefEnd
    this.formStart = ndef + 1
    this.formEnd = ndef + 1 + this.formBytes
    this.valueStart = this.formEnd
    this.valueEnd = ndefEnd
    this.timeKey = time
    this.timeStart = time + 5
    this.timeEnd = tail
    this.userKey = tail
    this.userStart = tail + 5
    this.userEnd = tail + PROV_ENTRY_BYTES
    this.provKey = tail + PROV_ENTRY_BYTES
    this.provStart = tail + PROV_ENTRY_BYTES + 5
    this.provEnd = end
    this.ndefId = this.lastNdefId
    this.provId = this.lastProvId
    return true
  }

  /** Whether `tail` starts user and prov with their keys. */
  private usualTail(tail: number): boolean {
    const view = this.view
    const known = this.tailView
    if (sameSpans(view, tail, known, 0, TAIL_BYTES)) return true
    const prov = tail + PROV_ENTRY_BYTES
    if (!isIden(view, tail, WORD.user) || !isIden(view, prov, WORD.prov)) return false
    if (!sameSpans(view, prov, known, PROV_ENTRY_BYTES, PROV_ENTRY_BYTES)) this.lastProvId = ++this.ids
    copySpan(this.tail, known, 0, this.buf, view, tail, tail + TAIL_BYTES)
    return true
  }

  /** The end of the ndef; -1 when it is not `[form, value]`. */
  private usualNdef(start: number, limit: number): number {
    const bytes = this.ndefBytes
    if (bytes > 0 && start + bytes <= limit && sameSpans(this.view, start, this.ndefView, 0, bytes))
      return start + bytes
    return this.newNdef(start, limit)
  }

  private newNdef(start: number, limit: number): number {
    const buf = this.buf
    if (buf[start] !== 0x92 || !isText(buf, start + 1)) return -1
    const end = skipOr(buf, start, limit)
    const bytes = end - start
    if (bytes < 4) return -1
    if (bytes > this.ndefBuf.length) {
      this.ndefBuf = new Uint8Array(2 * bytes)
      this.ndefView = viewOf(this.ndefBuf)
    }
    copySpan(this.ndefBuf, this.ndefView, 0, buf, this.view, start, end)
    this.ndefBytes = bytes
    this.formBytes = skip(buf, start + 1, limit) - start - 1
    this.lastNdefId = ++this.ids
    return end
  }

  /** Records the entries between ndef and time. False unless there are exactly `count` entries and all are known. */
  private usualEntries(start: number, end: number, count: number): boolean {
    const buf = this.buf
    const view = this.view
    this.propStart = -1
    this.tagStart = -1
    this.valuStart = -1
    this.oldvStart = -1
    this.curvStart = -1
    let pos = start
    for (let i = 0; i < count; i++) {
      // No read leaves the buffer: the time that follows is longer than any key.
      if (pos >= end) return false
      const key = view.getInt32(pos, true)
      if (key === WORD.tagKey) {
        this.tagStart = pos + 4
        pos = this.tagEnd = usualValueEnd(buf, view, pos + 4, end)
      } else if (view.getUint8(pos) === 0xa4) {
        const name = view.getInt32(pos + 1, true)
        const value = pos + 5
        pos = usualValueEnd(buf, view, value, end)
        if (name === WORD.prop) {
          this.propStart = value
          this.propEnd = pos
        } else if (name === WORD.valu) {
          this.valuStart = value
          this.valuEnd = pos
        } else if (name === WORD.oldv) {
          this.oldvStart = value
          this.oldvEnd = pos
        } else if (name === WORD.curv) {
          this.curvStart = value
          this.curvEnd = pos
        } else {
          return false
        }
      } else {
        return false
      }
      if (pos < 0) return false
    }
    return pos === end
  }

  private readFields(buf: Uint8Array, start: number, end: number): string | null {
    const items = arrayHead(buf, start, end)
    if (items < 2) return 'Cannot read splice: it is not a [type, info] pair'
    const typeStart = bodyOf(buf, start)
    const infoStart = skip(buf, typeStart, end)
    let stop = this.info(buf, infoStart, end)
    if (stop < 0) return 'Cannot read splice: its info is not a map'
    for (let i = 2; i < items; i++) stop = skip(buf, stop, end)
    if (stop !== end) return `Cannot decode splice: ${end - stop} bytes behind the value`
    this.kind = kindOf(buf, typeStart, infoStart)
    if (this.ndefStart < 0) return 'Cannot read splice: it has no ndef'
    if (!this.ndef(buf)) return 'Cannot read splice: its ndef is not a [form, value] pair'
    return null
  }

  private info(buf: Uint8Array, start: number, end: number): number {
    this.clear()
    const count = mapHead(buf, start, end)
    if (count < 0) return -1
    let pos = bodyOf(buf, start)
    for (let i = 0; i < count; i++) {
      // All keys that we know have three or four characters. Of any other key, we only check that it is msgpack.
      const tag = buf[pos]
      const isShort = (tag === 0xa4 || tag === 0xa3) && pos + 5 < end
      const keyEnd = isShort ? pos + 1 + (tag & 0x1f) : skip(buf, pos, end)
      const valueEnd = skip(buf, keyEnd, end)
      if (!this.entry(buf, pos, keyEnd, valueEnd) && isShort) skip(buf, pos, end)
      pos = valueEnd
    }
    return pos
  }

  /** Records the value of a key if we know the key. */
  private entry(buf: Uint8Array, key: number, start: number, end: number): boolean {
    const tag = buf[key]
    const name = key + 1
    if (tag === 0xa3) {
      if (!same(buf, name, TAG)) return false
      this.tagStart = start
      this.tagEnd = end
      return true
    }
    if (tag !== 0xa4) return false
    switch (buf[name]) {
      case 0x6e: // n
        if (!same(buf, name, NDEF)) return false
        this.ndefStart = start
        this.ndefEnd = end
        return true
      case 0x74: // t
        if (!same(buf, name, TIME)) return false
        if (this.timeKey < 0) this.timeKey = key
        this.timeStart = start
        this.timeEnd = end
        return true
      case 0x75: // u
        if (!same(buf, name, USER)) return false
        if (this.userKey < 0) this.userKey = key
        this.userStart = start
        this.userEnd = end
        return true
      case 0x70: // p
        if (same(buf, name, PROP)) {
          this.propStart = start
          this.propEnd = end
          return true
        }
        if (!same(buf, name, PROV)) return false
        if (this.provKey < 0) this.provKey = key
        this.provStart = start
        this.provEnd = end
        return true
      case 0x76: // v
        if (!same(buf, name, VALU)) return false
        this.valuStart = start
        this.valuEnd = end
        return true
      case 0x6f: // o
        if (!same(buf, name, OLDV)) return false
        this.oldvStart = start
        this.oldvEnd = end
        return true
      case 0x63: // c
        if (!same(buf, name, CURV)) return false
        this.curvStart = start
        this.curvEnd = end
        return true
      default:
        return false
    }
  }

  private ndef(buf: Uint8Array): boolean {
    if (arrayHead(buf, this.ndefStart, this.ndefEnd) !== 2) return false
    this.formStart = bodyOf(buf, this.ndefStart)
    if (!isText(buf, this.formStart)) return false
    this.formEnd = skip(buf, this.formStart, this.ndefEnd)
    this.valueStart = this.formEnd
    this.valueEnd = this.ndefEnd
    return true
  }

  private clear(): void {
    this.ndefStart = -1
    this.propStart = -1
    this.tagStart = -1
    this.valuStart = -1
    this.oldvStart = -1
    this.curvStart = -1
    this.timeKey = -1
    this.timeStart = -1
    this.userKey = -1
    this.userStart = -1
    this.provKey = -1
    this.provStart = -1
  }
}

function kindOf(buf: Uint8Array, start: number, end: number): number {
  if (!isText(buf, start)) return SpliceKind.unknown
  const body = bodyOf(buf, start)
  for (let kind = 0; kind < KINDS.length; kind++) {
    const name = KINDS[kind]
    if (name.length === end - body && name[0] === buf[body] && same(buf, body, name)) return kind
  }
  return SpliceKind.unknown
}

/** The caller makes sure that `name` fits after `pos`. */
function same(buf: Uint8Array, pos: number, name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i++) if (buf[pos + i] !== name[i]) return false
  return true
}

/** The kind of a usual splice, by its type; -1 for other types. */
function usualKind(view: DataView, pos: number): number {
  const first = view.getInt32(pos + 1, true)
  switch (view.getUint8(pos)) {
    case 0xa7:
      if (first !== WORD.tag) return -1
      return usualVerb(view.getInt32(pos + 4, true), SpliceKind.tagAdd, SpliceKind.tagDel, -1)
    case 0xa8: {
      const verb = view.getInt32(pos + 5, true)
      if (first === WORD.prop) return usualVerb(verb, -1, SpliceKind.propDel, SpliceKind.propSet)
      return first === WORD.node ? usualVerb(verb, SpliceKind.nodeAdd, SpliceKind.nodeDel, -1) : -1
    }
    case 0xac:
      if (first !== WORD.tag || view.getInt32(pos + 5, true) !== WORD.prop) return -1
      return usualVerb(view.getInt32(pos + 9, true), -1, SpliceKind.tagPropDel, SpliceKind.tagPropSet)
    default:
      return -1
  }
}

function usualVerb(verb: number, add: number, del: number, set: number): number {
  if (verb === WORD.set) return set
  if (verb === WORD.add) return add
  return verb === WORD.del ? del : -1
}

/** Whether `pos` starts this key and 32 ASCII characters. */
function isIden(view: DataView, pos: number, key: number): boolean {
  if (view.getUint8(pos) !== 0xa4 || view.getInt32(pos + 1, true) !== key) return false
  if (view.getUint16(pos + 5) !== IDEN_HEAD) return false
  let bits = 0
  for (let at = pos + 7; at < pos + PROV_ENTRY_BYTES; at += 4) bits |= view.getInt32(at, true)
  return (bits & 0x80808080) === 0
}

/** The position after the value at `pos`; -1 when it is cut short or not msgpack. */
function usualValueEnd(buf: Uint8Array, view: DataView, pos: number, end: number): number {
  if (pos >= end) return -1
  const tag = view.getUint8(pos)
  if (tag <= 0x7f || tag >= 0xe0 || tag === 0xc0) return pos + 1
  if (tag === 0xce && pos + 5 <= end) return pos + 5
  if (tag < 0xa4 || tag > 0xbf) return skipOr(buf, pos, end)
  const stop = pos + 1 + (tag & 0x1f)
  if (stop > end) return -1
  let bits = view.getInt32(stop - 4, true)
  for (let at = pos + 1; at < stop - 4; at += 4) bits |= view.getInt32(at, true)
  return (bits & 0x80808080) === 0 ? stop : skipOr(buf, pos, end)
}

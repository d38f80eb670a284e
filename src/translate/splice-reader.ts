import { MsgpackError, skip } from '../bytes/msgpack.js'

/** What a splice does, numbered as the node edit that it becomes. */
export const SpliceKind = {
  nodeAdd: 0,
  nodeDel: 1,
  propSet: 2,
  propDel: 3,
  tagAdd: 4,
  tagDel: 5,
  tagPropSet: 6,
  tagPropDel: 7,
  /** A type that no 0.1.x release writes. */
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

/**
 * Finds the parts of one 0.1.x splice, msgpack `[type, {ndef, [prop, tag, valu, oldv, curv,] time, user, prov}]`, without
 * decoding them. One object is read into again and again; positions are offsets into the buffer given to `read`, a start
 * of -1 means that the key is absent. Key order does not matter, and of equal keys the last one counts, as in Python.
 */
export class SpliceReader {
  kind: number = SpliceKind.unknown
  ndefStart = -1
  ndefEnd = -1
  /** The form's msgpack, a text. */
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
  /** `*Key` are the places of the keys, which give the order of a node edit's meta. */
  timeKey = -1
  timeStart = -1
  timeEnd = -1
  userKey = -1
  userStart = -1
  userEnd = -1
  provKey = -1
  provStart = -1
  provEnd = -1

  /**
   * Reads the splice that fills `buf[start, end)`.
   *
   * @returns null, or why it cannot be read; then nothing of this object holds
   */
  read(buf: Uint8Array, start: number, end: number): string | null {
    try {
      return this.#read(buf, start, end)
    } catch (error) {
      if (error instanceof MsgpackError) return `Cannot decode splice: ${error.message}`
      throw error
    }
  }

  #read(buf: Uint8Array, start: number, end: number): string | null {
    const items = arrayHead(buf, start, end)
    if (items < 2) return 'Cannot read splice: it is no [type, info] pair'
    const typeStart = bodyOf(buf, start)
    const infoStart = skip(buf, typeStart, end)
    let stop = this.#info(buf, infoStart, end)
    if (stop < 0) return 'Cannot read splice: its info is no map'
    for (let i = 2; i < items; i++) stop = skip(buf, stop, end)
    if (stop !== end) return `Cannot decode splice: ${end - stop} bytes behind the value`
    this.kind = kindOf(buf, typeStart, infoStart)
    if (this.ndefStart < 0) return 'Cannot read splice: it has no ndef'
    if (!this.#ndef(buf)) return 'Cannot read splice: its ndef is no [form, value] pair'
    return null
  }

  #info(buf: Uint8Array, start: number, end: number): number {
    this.#clear()
    const count = mapHead(buf, start, end)
    if (count < 0) return -1
    let pos = bodyOf(buf, start)
    for (let i = 0; i < count; i++) {
      // Keys of three or four characters are those that are known; any other is checked to be msgpack at all.
      const tag = buf[pos]
      const isShort = (tag === 0xa4 || tag === 0xa3) && pos + 5 < end
      const keyEnd = isShort ? pos + 1 + (tag & 0x1f) : skip(buf, pos, end)
      const valueEnd = skip(buf, keyEnd, end)
      if (!this.#entry(buf, pos, keyEnd, valueEnd) && isShort) skip(buf, pos, end)
      pos = valueEnd
    }
    return pos
  }

  /** Notes the value of a key, if it is one of those that are known. */
  #entry(buf: Uint8Array, key: number, start: number, end: number): boolean {
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

  #ndef(buf: Uint8Array): boolean {
    if (arrayHead(buf, this.ndefStart, this.ndefEnd) !== 2) return false
    this.formStart = bodyOf(buf, this.ndefStart)
    if (!isText(buf, this.formStart)) return false
    this.formEnd = skip(buf, this.formStart, this.ndefEnd)
    this.valueStart = this.formEnd
    this.valueEnd = this.ndefEnd
    return true
  }

  #clear(): void {
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

/** Whether the msgpack value at `pos` is a text. */
export function isText(buf: Uint8Array, pos: number): boolean {
  const tag = buf[pos]
  return (tag >= 0xa0 && tag <= 0xbf) || tag === 0xd9 || tag === 0xda || tag === 0xdb
}

/** Where the content of the text, array or map at `pos` starts. */
export function bodyOf(buf: Uint8Array, pos: number): number {
  switch (buf[pos]) {
    case 0xd9:
      return pos + 2
    case 0xda:
    case 0xdc:
    case 0xde:
      return pos + 3
    case 0xdb:
    case 0xdd:
    case 0xdf:
      return pos + 5
    default:
      return pos + 1
  }
}

/** Number of items of the array at `pos`, -1 when it is none. */
function arrayHead(buf: Uint8Array, pos: number, end: number): number {
  return head(buf, pos, end, 0x90, 0xdc)
}

function mapHead(buf: Uint8Array, pos: number, end: number): number {
  return head(buf, pos, end, 0x80, 0xde)
}

function head(buf: Uint8Array, pos: number, end: number, fix: number, tag16: number): number {
  if (pos >= end) throw new MsgpackError('the value is cut short')
  const tag = buf[pos]
  if ((tag & 0xf0) === fix) return tag & 0x0f
  if (tag !== tag16 && tag !== tag16 + 1) return -1
  const length = tag === tag16 ? 2 : 4
  if (pos + 1 + length > end) throw new MsgpackError('the value is cut short')
  let count = 0
  for (let i = 1; i <= length; i++) count = count * 256 + buf[pos + i]
  return count
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

/** The caller has made sure that `name` fits behind `pos`. */
function same(buf: Uint8Array, pos: number, name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i++) if (buf[pos + i] !== name[i]) return false
  return true
}

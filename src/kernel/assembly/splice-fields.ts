import { skip } from './msgpack'
import { same } from './spans'

// The parts of a splice of the layout that 0.1.x writes: msgpack `[type, {ndef, ..., time, user, prov}]`, where time is
// a uint64, user and prov are idens, and between them may be prop, tag, valu, oldv and curv.

/** The numbers are those of the node edits that splices become. */
export const NODE_ADD: i32 = 0
export const NODE_DEL: i32 = 1
export const PROP_SET: i32 = 2
export const PROP_DEL: i32 = 3
export const TAG_ADD: i32 = 4
export const TAG_DEL: i32 = 5
export const TAG_PROP_SET: i32 = 6
export const TAG_PROP_DEL: i32 = 7

/** Texts as little-endian numbers. */
const TEXT_NODE_ADD: u64 = 0x6464613a65646f6e
const TEXT_NODE_DEL: u64 = 0x6c65643a65646f6e
const TEXT_PROP_SET: u64 = 0x7465733a706f7270
const TEXT_PROP_DEL: u64 = 0x6c65643a706f7270
const TEXT_TAG_ADD: u64 = 0x006464613a676174
const TEXT_TAG_DEL: u64 = 0x006c65643a676174
const TEXT_TAG_PROP: u64 = 0x706f72703a676174
const TEXT_SET: u32 = 0x7465733a
const TEXT_DEL: u32 = 0x6c65643a
const TEXT_NDEF: u32 = 0x6665646e
const TEXT_TIME: u32 = 0x656d6974
const TEXT_USER: u32 = 0x72657375
const TEXT_PROV: u32 = 0x766f7270
const TEXT_PROP: u32 = 0x706f7270
const TEXT_VALU: u32 = 0x756c6176
const TEXT_OLDV: u32 = 0x76646c6f
const TEXT_CURV: u32 = 0x76727563
/** The key `tag` with its head. */
const KEY_TAG: u32 = 0x676174a3

/** A key of four characters, and the head of an iden. */
const KEY_BYTES: usize = 5
const IDEN_HEAD: u16 = 0x20d9
/** `user` or `prov` with its key. */
export const IDEN_ENTRY_BYTES: usize = 5 + 34
/** `time` with its key, then user and prov. */
export const META_BYTES: usize = 5 + 9 + 2 * IDEN_ENTRY_BYTES
/** The keys that every usual splice has: ndef, time, user and prov. */
const USUAL_KEYS: u32 = 4
/**
 * The heads of the splice and of its info, the shortest type, `ndef`, and an ndef with an empty form and a short value.
 */
const LEAST_BYTES: usize = 1 + 8 + 1 + 5 + 3 + META_BYTES

/** Addresses of the parts of a splice. A part that is absent is at 0. */
@unmanaged
export class SpliceFields {
  kind: i32
  ndef: usize
  /** How many entries there are between ndef and time. */
  entries: u32
  /** Where time with its key starts, then user and prov; `META_BYTES` to the end. */
  meta: usize
  prop: usize
  propEnd: usize
  tag: usize
  tagEnd: usize
  valu: usize
  valuEnd: usize
  oldv: usize
  oldvEnd: usize
  curv: usize
  curvEnd: usize

  /** Finds the kind, the ndef and the meta. False when the splice is not of the usual layout. */
  readEnds(at: usize, end: usize): bool {
    if (end - at < LEAST_BYTES || load<u8>(at) != 0x92) return false
    const kind = kindOf(at + 1)
    if (kind < 0) return false
    this.kind = kind
    const info = at + 2 + (load<u8>(at, 1) & 0x1f)
    const items = <u32>load<u8>(info) ^ 0x80
    if (items < USUAL_KEYS || items > 15) return false
    this.entries = items - USUAL_KEYS
    if (!isKey(info + 1, TEXT_NDEF)) return false
    this.ndef = info + 1 + KEY_BYTES
    const meta = end - META_BYTES
    this.meta = meta
    return isKey(meta, TEXT_TIME) && load<u8>(meta, KEY_BYTES) == 0xcf
  }

  /** Where user and prov start, each with its key. */
  get user(): usize {
    return this.meta + (META_BYTES - 2 * IDEN_ENTRY_BYTES)
  }

  get prov(): usize {
    return this.meta + (META_BYTES - IDEN_ENTRY_BYTES)
  }

  /** Finds the entries between ndef and time. False unless all of them are known and msgpack. */
  readEntries(at: usize): bool {
    this.prop = 0
    this.tag = 0
    this.valu = 0
    this.oldv = 0
    this.curv = 0
    const end = this.meta
    for (let i: u32 = 0; i < this.entries; i++) {
      // No read leaves the splice: the meta that follows is longer than any key.
      if (at >= end) return false
      if (load<u32>(at) == KEY_TAG) {
        this.tag = at + 4
        at = this.tagEnd = valueEnd(at + 4, end)
      } else if (load<u8>(at) == 0xa4) {
        const value = at + KEY_BYTES
        const key = load<u32>(at, 1)
        at = valueEnd(value, end)
        if (key == TEXT_PROP) {
          this.prop = value
          this.propEnd = at
        } else if (key == TEXT_VALU) {
          this.valu = value
          this.valuEnd = at
        } else if (key == TEXT_OLDV) {
          this.oldv = value
          this.oldvEnd = at
        } else if (key == TEXT_CURV) {
          this.curv = value
          this.curvEnd = at
        } else {
          return false
        }
      } else {
        return false
      }
      if (at == 0) return false
    }
    return at == end
  }
}

/** Whether `at` starts `user` and `prov` that hold idens: 32 ASCII characters each. */
export function areIdens(at: usize): bool {
  return isIden(at, TEXT_USER) && isIden(at + IDEN_ENTRY_BYTES, TEXT_PROV)
}

/** Whether two splices have the same prov. */
export function sameProv(a: usize, b: usize): bool {
  return same(a, b, IDEN_ENTRY_BYTES)
}

function kindOf(at: usize): i32 {
  const text = load<u64>(at, 1)
  switch (<u32>load<u8>(at)) {
    case 0xa7: {
      const short = text & 0x00ffffffffffffff
      return short == TEXT_TAG_ADD ? TAG_ADD : short == TEXT_TAG_DEL ? TAG_DEL : -1
    }
    case 0xa8:
      if (text == TEXT_PROP_SET) return PROP_SET
      if (text == TEXT_PROP_DEL) return PROP_DEL
      return text == TEXT_NODE_ADD ? NODE_ADD : text == TEXT_NODE_DEL ? NODE_DEL : -1
    case 0xac: {
      if (text != TEXT_TAG_PROP) return -1
      const verb = load<u32>(at, 9)
      return verb == TEXT_SET ? TAG_PROP_SET : verb == TEXT_DEL ? TAG_PROP_DEL : -1
    }
    default:
      return -1
  }
}

function isKey(at: usize, text: u32): bool {
  return load<u8>(at) == 0xa4 && load<u32>(at, 1) == text
}

function isIden(at: usize, key: u32): bool {
  if (!isKey(at, key) || load<u16>(at, KEY_BYTES) != IDEN_HEAD) return false
  const text = at + KEY_BYTES + 2
  const bits = load<u64>(text) | load<u64>(text, 8) | load<u64>(text, 16) | load<u64>(text, 24)
  return (bits & 0x8080808080808080) == 0
}

/** Like `skip()`, without a call for the most usual values. */
function valueEnd(at: usize, end: usize): usize {
  if (at >= end) return 0
  const tag = load<u8>(at)
  if (tag <= 0x7f || tag >= 0xe0 || tag == 0xc0) return at + 1
  return skip(at, end)
}

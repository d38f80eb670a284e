// Usual splices of 0.1.x to rows of the node edit log. What is not usual is JavaScript's, which can do all of them
// (src/translate/splices.ts) and whose rows these must equal byte for byte.
import { putBuid } from './buid-cache'
import { canonicalEnd } from './canonical'
import { leafNodes, NODE_BIG, NODE_HEADER_BYTES, PAGE_HEADER_BYTES } from './format'
import { addRow, LeafPages } from './leaf-pages'
import { skip, textStart } from './msgpack'
import { NameMap } from './name-map'
import { copy, same } from './spans'
import {
  areIdens,
  IDEN_ENTRY_BYTES,
  META_BYTES,
  NODE_DEL,
  PROP_DEL,
  PROP_SET,
  SpliceFields,
  sameProv,
  TAG_ADD,
  TAG_DEL,
  TAG_PROP_DEL,
  TAG_PROP_SET,
} from './splice-fields'

/** Why `addSplices()` has stopped. All pages are done, or the next one is none that it takes. */
const DONE: i32 = 0
/** It knows nothing of a name yet: `scope`, `name`, `nameBytes`. Add it and go on. */
const NEW_NAME: i32 = 1
/** The offset is not the one behind the row before. */
const GAP: i32 = 2
/** The value is on overflow pages: copy it to `big`, set `bigBytes` and go on. */
const BIG: i32 = 3
/** The row is JavaScript's, and `dropped` rows before it, which are the start of its group. */
const ODD: i32 = 4

/** Scopes of names; those of props are the numbers of their forms. */
const FORMS: i32 = -1
const TAG_PROPS: i32 = -2
/** The value of a name whose splices are JavaScript's. Others have a stortype, and forms a number above it. */
const NOT_USUAL: i32 = -2

const KEY_BYTES: u32 = 8
/** The flags of a node and the length of its key. */
const PLAIN_NODE: u32 = KEY_BYTES << 16
const BIG_NODE: u32 = (KEY_BYTES << 16) | NODE_BIG
/** What RowCursor reads at a time, and what may be read behind its end. */
const WINDOW_ROOM_BYTES: usize = 0x40000 + 16
/** Larger groups are JavaScript's, and larger values. */
const EDITS_BYTES: usize = 0x10000
const MOST_NDEF_BYTES: usize = 0x1000
const MOST_OFFSET: u64 = 0x1f_ffff_ffff_ffff
/** `[[[buid, form, ...`: heads before the buid, the buid, and the largest head of the list of edits. */
const NODE_EDIT_HEAD_BYTES: usize = 2 + 1 + 34
const MOST_ARRAY_HEAD_BYTES: usize = 5
/** What an edit has but for its parts: heads, nulls, a stortype. */
const MOST_EDIT_BYTES: usize = 16

@unmanaged
export class Splices {
  // JavaScript reads and writes these fields, at these offsets (src/stream/usual-splices.ts).
  /** The offset of the next splice. */
  next: f64
  /** The first offset that is not of this range. */
  end: f64
  /** Rows of the node edit log so far, JavaScript's with them, and splices in the kernel's. */
  rows: f64
  translated: f64
  /** Pages of `pageBytes`, how many of them there are, and the node to go on with. */
  window: usize
  pageBytes: u32
  pageCount: u32
  page: u32
  index: u32
  /** The builder of the rows' pages. */
  pages: LeafPages
  /** Room for the value of a row that is on overflow pages. */
  big: usize
  bigBytes: u32
  dropped: u32
  scope: i32
  name: usize
  nameBytes: u32

  names: NameMap
  fields: SpliceFields
  /** The rows of the group so far, all of them edits; 0: there is no group. */
  count: u32
  ndef: usize
  ndefBytes: u32
  formBytes: u32
  /** The number of the form, and its stortype. */
  form: i32
  stortype: u32
  /** User and prov of the row before. */
  tail: usize
  /** Time, user and prov of the group's first row. */
  meta: usize
  edits: usize
  /** Where the next byte goes. */
  at: usize
  key: usize

  /** Adds the splice of a node. */
  addNode(page: usize, index: u32): i32 {
    const pageBytes = this.pageBytes
    const offset = <u32>load<u16>(page + PAGE_HEADER_BYTES + 2 * index)
    if (offset < PAGE_HEADER_BYTES || offset + NODE_HEADER_BYTES + KEY_BYTES > pageBytes) return ODD
    const node = page + offset
    const head = load<u32>(node, 4)
    if (head != PLAIN_NODE && head != BIG_NODE) return ODD
    const key = bswap<u64>(load<u64>(node, NODE_HEADER_BYTES))
    if (key > MOST_OFFSET) return ODD
    const splice = <f64>key
    if (splice >= this.end || splice < this.next) return ODD
    if (splice != this.next) {
      this.closeGroup()
      return GAP
    }
    const bytes = load<u32>(node)
    let start = node + NODE_HEADER_BYTES + KEY_BYTES
    if (head == PLAIN_NODE) {
      if (bytes > pageBytes - offset - NODE_HEADER_BYTES - KEY_BYTES) return ODD
    } else {
      if (bytes > EDITS_BYTES) return ODD
      if (bytes != this.bigBytes) return BIG
      start = this.big
    }
    const status = this.addSplice(start, start + bytes)
    if (status == DONE) {
      this.next = splice + 1
      this.bigBytes = 0
    }
    return status
  }

  private addSplice(start: usize, end: usize): i32 {
    const fields = this.fields
    if (!fields.readEnds(start, end)) return ODD
    const user = fields.user
    let isNew = this.count == 0
    if (!same(user, this.tail, 2 * IDEN_ENTRY_BYTES)) {
      if (!areIdens(user)) return ODD
      if (!sameProv(fields.prov, this.tail + IDEN_ENTRY_BYTES)) isNew = true
      copy(this.tail, user, 2 * IDEN_ENTRY_BYTES)
    }
    const ndef = fields.ndef
    let ndefEnd = ndef + this.ndefBytes
    if (isNew || ndefEnd > fields.meta || !same(ndef, this.ndef, this.ndefBytes)) {
      isNew = true
      ndefEnd = this.ndefEndOf(ndef)
      if (ndefEnd == 0) return ODD
    }
    if (!fields.readEntries(ndefEnd)) return ODD
    if (isNew) {
      this.closeGroup()
      const status = this.openGroup(ndefEnd)
      if (status != DONE) return status
    }
    const status = this.addEdit(ndefEnd)
    if (status == DONE) this.count++
    return status
  }

  /** Leaves the group to JavaScript. */
  dropGroup(): void {
    this.dropped = this.count
    this.next -= this.count
    this.count = 0
    this.bigBytes = 0
  }

  /** Writes the row of the group. */
  closeGroup(): void {
    if (this.count == 0) return
    copy(this.at, this.meta, 1 + META_BYTES)
    const end = this.at + 1 + META_BYTES
    let at = this.edits + NODE_EDIT_HEAD_BYTES + this.formBytes + MOST_ARRAY_HEAD_BYTES
    // The largest group has fewer than 2^16 edits.
    if (this.count <= 15) {
      store<u8>(--at, 0x90 | this.count)
    } else {
      at -= 3
      store<u8>(at, 0xdc)
      store<u16>(at, bswap<u16>(<u16>this.count), 1)
    }
    at -= this.formBytes
    copy(at, this.ndef + 1, this.formBytes)
    at -= 32
    putBuid(at, this.ndef, this.ndefBytes)
    at -= 5
    store<u32>(at, 0xc4939192)
    store<u8>(at, 0x20, 4)
    store<u64>(this.key, bswap<u64>(<u64>this.rows))
    if (addRow(this.pages, this.key, 8, at, <u32>(end - at)) != 0) unreachable()
    this.rows += 1
    this.translated += this.count
    this.count = 0
  }

  /** The end of the ndef; 0 when it is not `[form, value]` or not as Synapse's own encoder would write it. */
  private ndefEndOf(ndef: usize): usize {
    if (load<u8>(ndef) != 0x92 || textStart(ndef + 1) == 0) return 0
    const end = canonicalEnd(ndef, this.fields.meta)
    return end - ndef <= MOST_NDEF_BYTES ? end : 0
  }

  private openGroup(ndefEnd: usize): i32 {
    const ndef = this.fields.ndef
    const form = ndef + 1
    const formBytes = <u32>(skip(form, ndefEnd) - form)
    const known = this.find(FORMS, form, formBytes)
    if (known < 0) return known == NOT_USUAL ? ODD : NEW_NAME
    this.form = known >> 16
    this.stortype = known & 0xffff
    this.formBytes = formBytes
    this.ndefBytes = <u32>(ndefEnd - ndef)
    copy(this.ndef, ndef, this.ndefBytes)
    store<u8>(this.meta, 0x83)
    copy(this.meta + 1, this.fields.meta, META_BYTES)
    this.at = this.edits + NODE_EDIT_HEAD_BYTES + formBytes + MOST_ARRAY_HEAD_BYTES
    return DONE
  }

  /** Adds the edit that the splice becomes, `[kind, [...], []]`. */
  private addEdit(ndefEnd: usize): i32 {
    const fields = this.fields
    const kind = fields.kind
    // All parts of the edit are parts of the splice.
    const most = MOST_EDIT_BYTES + (fields.meta - fields.ndef) + 1 + META_BYTES
    if (this.at + most > this.edits + EDITS_BYTES) return ODD
    if (kind <= NODE_DEL) {
      this.open(kind, 2)
      this.span(fields.ndef + 1 + this.formBytes, ndefEnd)
      this.putStortype(this.stortype)
    } else if (kind <= PROP_DEL) {
      const prop = fields.prop
      if (prop == 0 || textStart(prop) == 0) return ODD
      if (kind == PROP_SET && !this.hasValue()) return ODD
      const known = this.find(this.form, prop, <u32>(fields.propEnd - prop))
      if (known < 0) return known == NOT_USUAL ? ODD : NEW_NAME
      this.open(kind, kind == PROP_SET ? 4 : 3)
      this.span(prop, fields.propEnd)
      this.spanOrNull(fields.valu, fields.valuEnd)
      // The layer looks up the old value itself.
      if (kind == PROP_SET) this.byte(0xc0)
      this.putStortype(known)
    } else {
      const tag = fields.tag
      if (tag == 0 || textStart(tag) == 0) return ODD
      if (kind != TAG_DEL && kind != TAG_PROP_DEL && !this.hasValue()) return ODD
      if (kind <= TAG_DEL) {
        this.open(kind, kind == TAG_ADD ? 3 : 2)
        this.span(tag, fields.tagEnd)
        this.spanOrNull(fields.valu, fields.valuEnd)
        if (kind == TAG_ADD) this.spanOrNull(fields.oldv, fields.oldvEnd)
      } else {
        const prop = fields.prop
        if (prop == 0 || textStart(prop) == 0) return ODD
        const known = this.find(TAG_PROPS, prop, <u32>(fields.propEnd - prop))
        if (known < 0) return known == NOT_USUAL ? ODD : NEW_NAME
        this.open(kind, kind == TAG_PROP_SET ? 5 : 4)
        this.span(tag, fields.tagEnd)
        this.span(prop, fields.propEnd)
        this.spanOrNull(fields.valu, fields.valuEnd)
        if (kind == TAG_PROP_SET) this.spanOrNull(fields.curv, fields.curvEnd)
        this.putStortype(known)
      }
    }
    // No dependent edits.
    this.byte(0x90)
    return DONE
  }

  private hasValue(): bool {
    return this.fields.valu != 0 && load<u8>(this.fields.valu) != 0xc0
  }

  private find(scope: i32, name: usize, bytes: u32): i32 {
    const known = this.names.find(scope, name, bytes)
    if (known == -1) {
      this.scope = scope
      this.name = name
      this.nameBytes = bytes
    }
    return known
  }

  private open(kind: i32, items: i32): void {
    store<u8>(this.at, 0x93)
    store<u8>(this.at, kind, 1)
    store<u8>(this.at, 0x90 | items, 2)
    this.at += 3
  }

  private byte(value: u32): void {
    store<u8>(this.at++, value)
  }

  private span(from: usize, end: usize): void {
    copy(this.at, from, end - from)
    this.at += end - from
  }

  private spanOrNull(from: usize, end: usize): void {
    if (from == 0) this.byte(0xc0)
    else this.span(from, end)
  }

  private putStortype(stortype: u32): void {
    if (stortype >= 0x100) {
      store<u8>(this.at, 0xcd)
      store<u8>(this.at, stortype >> 8, 1)
      this.at += 2
    } else if (stortype >= 0x80) {
      this.byte(0xcc)
    }
    this.byte(stortype & 0xff)
  }
}

/** Starts at the first splice of a group, which has this offset; `rows` rows of the node edit log come before it. */
export function beginSplices(splices: Splices, offset: f64, rows: f64): void {
  splices.next = offset
  splices.rows = rows
  splices.count = 0
  splices.bigBytes = 0
}

/**
 * Translates the splices of the window from node `index` of page `page` on. Says there before which node it has stopped;
 * instead of the first node of a page, that is behind the last one of the page before, so that JavaScript checks how
 * they follow each other.
 */
export function addSplices(splices: Splices): i32 {
  splices.dropped = 0
  let status = ODD
  let index = splices.index
  for (let page = splices.page; page < splices.pageCount; page++) {
    const at = splices.window + page * splices.pageBytes
    const count = leafNodes(at, splices.pageBytes)
    if (count == 0) break
    status = DONE
    for (; index < count; index++) {
      status = splices.addNode(at, index)
      if (status != DONE) break
    }
    if (index > 0) {
      splices.page = page
      splices.index = index
    }
    if (status != DONE) break
    index = 0
  }
  if (status == ODD) splices.dropGroup()
  return status
}

/** Ends the group: there are no more splices. */
export function endSplices(splices: Splices): void {
  splices.closeGroup()
}

/** Adds a name that `addSplices()` has asked for: its stortype, with the number of a form above it, or -2. */
export function addSpliceName(splices: Splices, value: i32): void {
  splices.names.add(splices.scope, splices.name, splices.nameBytes, value)
}

/** Forgets all names. */
export function clearSpliceNames(splices: Splices): void {
  splices.names.clear()
}

export function newSplices(): Splices {
  const splices = changetype<Splices>(heap.alloc(offsetof<Splices>()))
  memory.fill(changetype<usize>(splices), 0, offsetof<Splices>())
  splices.window = heap.alloc(WINDOW_ROOM_BYTES)
  splices.names = new NameMap()
  splices.fields = changetype<SpliceFields>(heap.alloc(offsetof<SpliceFields>()))
  splices.ndef = heap.alloc(MOST_NDEF_BYTES)
  splices.tail = heap.alloc(2 * IDEN_ENTRY_BYTES)
  memory.fill(splices.tail, 0, 2 * IDEN_ENTRY_BYTES)
  splices.meta = heap.alloc(1 + META_BYTES)
  splices.big = heap.alloc(EDITS_BYTES + 16)
  splices.edits = heap.alloc(EDITS_BYTES)
  splices.key = heap.alloc(8)
  return splices
}

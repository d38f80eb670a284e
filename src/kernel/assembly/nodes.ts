import { BUID_BYTES } from './buid'
import { Check } from './check-kinds'
import { forgetChecks, isSure } from './checks'
import { indexOf, isNormed, learnForm, learnProp, learnTag, learnTagForm, learnTagProp } from './env'
import { writeIndex } from './index-bytes'
import { clearIndexRows, IndexRows, newIndexRows } from './index-rows'
import { addRow, LeafPages } from './leaf-pages'
import { grown } from './memory'
import { skip, u16At, u32At } from './msgpack'
import { NameMap } from './name-map'
import { FormPlan, forgetPlans, newTagForm, TagForm, ValuePlan } from './node-plans'
import { bigValue, buid, Found, nextNode, Row, RowKind, rowAt, rowCount } from './node-rows'
import { sha256 } from './sha256'
import { compare, copy, same } from './spans'

// Translates usual nodes; a node with anything else is left to JavaScript as a whole: src/translate/node.ts says what a
// node becomes, and is the one that knows all of it.

/** The bit that marks an array; the other bits are the stortype of its elements. */
const ARRAY: u32 = 0x8000
const MSGP: u32 = 13
const NULL: u8 = 0xc0
/** The flags in keys of `bybuid`, and the heads of its values. */
const FLAG_NDEF: u8 = 0
const FLAG_FORM: u8 = 9
const PAIR: u8 = 0x92
const TRIPLE: u8 = 0x93
/** Of a node, from overflow pages: more would stay in our memory for long, which has 2^32 bytes at most. */
const MOST_BIG_BYTES: u64 = 1 << 20
/** LMDB's longest key, without the buid and the flag. */
const MOST_NAME_BYTES: u32 = 511 - 33

const byprop = newIndexRows()
const byarray = newIndexRows()
const bytag = newIndexRows()
const bytagprop = newIndexRows()

const forms = new NameMap()
/** By the id of the form. */
const props = new NameMap()
const tags = new NameMap()
/** By the number of the tag, and the address of the form. */
const tagForms = new NameMap()
/** By the number of the tag and form. */
const tagProps = new NameMap()

/** The buids of the run, by the number of the node. */
let buids: usize = heap.alloc(BUID_BYTES << 12)
let buidRoom: u32 = 1 << 12
let owners: u32 = 0
/** Rows, nodes and tag properties of another type (D12) that were translated here. */
let readRows: u32 = 0
let nodes: u32 = 0
let typed: u32 = 0
let typedHere: u32 = 0

const key = memory.data(1024, 8)
let scratch: usize = 0
let scratchBytes: u32 = 0

/** Where the next node data belongs: JavaScript takes nodes above this buid; without it, all are taken here if they are usual. */
const limit = memory.data(BUID_BYTES, 8)
let hasLimit = false
let isLimitWhole = false
/** The id of the form of the node for which `readNodes()` has returned `Found.data`. */
let dataForm: i32 = 0

/** Returns where to put the limit. Of the node with this buid JavaScript takes all, unless the limit is a whole buid. */
export function limitNodes(isLimited: bool, isWhole: bool): usize {
  hasLimit = isLimited
  isLimitWhole = isWhole
  return limit
}

export function formOfData(): i32 {
  return dataForm
}

/** The fault of `addRow()` that `readNodes()` has stopped for, or 0; and the length of that row's key. */
let fault: i32 = 0
let faultKeyBytes: u32 = 0

export function rowFault(): i32 {
  return fault
}

export function faultKey(): usize {
  return key
}

export function faultKeyLength(): u32 {
  return faultKeyBytes
}

/** The address of the index rows of a database, by their order in src/layout/dest-dbs.ts. */
export function indexRows(db: u32): usize {
  return changetype<usize>(tableOf(db))
}

/** Begins another run: nodes are numbered from 0, and there are no index rows. */
export function beginRun(): void {
  owners = 0
  for (let db: u32 = 0; db < 4; db++) clearIndexRows(tableOf(db))
}

/** Numbers a node. Returns where to put its buid. */
export function addOwner(): usize {
  if (owners == buidRoom) {
    buids = grown(buids, buidRoom * BUID_BYTES)
    buidRoom *= 2
  }
  return buids + owners++ * BUID_BYTES
}

export function ownerBuids(): usize {
  return buids
}

export function ownerCount(): u32 {
  return owners
}

/** Each of these returns what has come together since the last call. */
export function takeRowCount(): u32 {
  const count = readRows
  readRows = 0
  return count
}

export function takeNodeCount(): u32 {
  const count = nodes
  nodes = 0
  return count
}

export function takeTypedCount(): u32 {
  const count = typed
  typed = 0
  return count
}

/** Forgets all names and what they stand for: another translator numbers them anew. */
export function forgetNames(): void {
  forms.clear()
  props.clear()
  tags.clear()
  tagForms.clear()
  tagProps.clear()
  forgetPlans()
  forgetChecks()
}

/** Reads and translates nodes until there is one that JavaScript has to take, whose rows then are `rowAt()`. */
export function readNodes(pages: LeafPages, checks: bool): Found {
  fault = 0
  while (true) {
    const found = nextNode()
    if (found != Found.node) return found
    const order = hasLimit ? compare(buid, BUID_BYTES, limit, BUID_BYTES) : -1
    if (order > 0 || (order == 0 && !isLimitWhole)) return Found.node
    const form = translate(checks)
    if (form == null) return Found.node
    fault = writeRows(pages, form)
    if (fault != 0) return Found.node
    if (order < 0) continue
    dataForm = form.id
    return Found.data
  }
}

/** Makes all index rows of the node and returns its form, or makes none. */
function translate(checks: bool): FormPlan | null {
  let formRow: i32 = -1
  let bigBytes: u64 = 0
  for (let i: u32 = 0; i < rowCount; i++) {
    const row = rowAt(i)
    if (row.isBig != 0) bigBytes += row.valueBytes
    if (row.nameBytes == 0 || bigBytes > MOST_BIG_BYTES || !findValu(row)) return null
    if (row.kind != RowKind.form) continue
    if (formRow >= 0) return null
    formRow = i
  }
  if (formRow < 0) return null
  const formOf = rowAt(formRow)
  const form = findForm(formOf)
  if (form == null) return null
  if (checks && !isSound(form, formOf)) return null
  const propCount = byprop.count
  const propUsed = byprop.used
  const arrayCount = byarray.count
  const arrayUsed = byarray.used
  const tagCount = bytag.count
  const tagPropCount = bytagprop.count
  const tagPropUsed = bytagprop.used
  const owner = <i32>owners
  typedHere = 0
  if (index(form.stortype, form.group, -1, byprop, byarray, formOf, owner) && indexAll(form, owner)) {
    copy(addOwner(), buid, BUID_BYTES)
    form.nodes++
    nodes++
    readRows += rowCount
    typed += typedHere
    return form
  }
  byprop.count = propCount
  byprop.used = propUsed
  byarray.count = arrayCount
  byarray.used = arrayUsed
  bytag.count = tagCount
  bytagprop.count = tagPropCount
  bytagprop.used = tagPropUsed
  return null
}

/** Finds the first element of the row's `[valu, indx]`, which must not be null. */
function findValu(row: Row): bool {
  if (row.valueBytes == 0) return false
  let at = row.isBig != 0 ? bigValue(row) : row.value
  const end = at + row.valueBytes
  const head = load<u8>(at)
  if (head == PAIR) at += 1
  else if (row.valueBytes >= 3 && head == 0xdc && u16At(at + 1) == 2) at += 3
  else if (row.valueBytes >= 5 && head == 0xdd && u32At(at + 1) == 2) at += 5
  else return false
  const valuEnd = skip(at, end)
  if (valuEnd == 0 || skip(valuEnd, end) != end || load<u8>(at) == NULL) return false
  row.valu = at
  row.valuEnd = valuEnd
  return true
}

function findForm(row: Row): FormPlan | null {
  const name = row.name + 1
  const bytes = row.nameBytes - 1
  const known = forms.find(0, name, bytes)
  if (known >= 0) return changetype<FormPlan>(<usize>known)
  const form = learnForm(name, bytes)
  if (form == 0) return null
  forms.add(0, name, bytes, <i32>form)
  return changetype<FormPlan>(form)
}

/** Whether the value norms to itself and hashes to the buid. */
function isSound(form: FormPlan, row: Row): bool {
  const valuBytes = <u32>(row.valuEnd - row.valu)
  const bytes = 1 + form.packedBytes + valuBytes
  const at = reserve(bytes + 32)
  store<u8>(at, PAIR)
  copy(at + 1, form.packed, form.packedBytes)
  copy(at + 1 + form.packedBytes, row.valu, valuBytes)
  const hash = at + bytes
  sha256(hash, at, bytes)
  if (!same(hash, buid, BUID_BYTES)) return false
  if (form.check != 0 && isSure(changetype<Check>(form.check), row.valu, row.valuEnd)) return true
  return isNormed(form.id, row.valu, row.valuEnd) != 0
}

/** Makes the index rows of all rows but the form row, in the order in which JavaScript makes them. */
function indexAll(form: FormPlan, owner: i32): bool {
  for (let i: u32 = 0; i < rowCount; i++) {
    const row = rowAt(i)
    if (row.kind == RowKind.prop && !indexProp(form, row, owner)) return false
  }
  for (let i: u32 = 0; i < rowCount; i++) {
    const row = rowAt(i)
    if (row.kind == RowKind.tag && !indexTag(form, row, owner)) return false
  }
  for (let i: u32 = 0; i < rowCount; i++) {
    const row = rowAt(i)
    if (row.kind == RowKind.tagProp && !indexTagProp(form, row, owner)) return false
  }
  return true
}

function indexProp(form: FormPlan, row: Row, owner: i32): bool {
  let plan = <usize>max(props.find(form.id, row.name, row.nameBytes), 0)
  if (plan == 0) {
    plan = learnProp(form.id, row.name, row.nameBytes)
    if (plan == 0) return false
    props.add(form.id, row.name, row.nameBytes, <i32>plan)
  }
  row.plan = plan
  return indexValue(changetype<ValuePlan>(plan), byprop, byarray, row, owner)
}

function indexTag(form: FormPlan, row: Row, owner: i32): bool {
  const pair = tagFormOf(form, row.name + 1, row.nameBytes - 1)
  if (pair == null) return false
  if (pair.group < 0) pair.group = learnTagForm(pair.tag, form.id)
  bytag.reserve()
  bytag.add(pair.group, owner, 0)
  return true
}

function indexTagProp(form: FormPlan, row: Row, owner: i32): bool {
  const tagBytes = <u32>(row.colon - row.name - 1)
  const pair = tagFormOf(form, row.name + 1, tagBytes)
  if (pair == null) return false
  const name = row.colon + 1
  const bytes = row.nameBytes - tagBytes - 2
  let plan = <usize>max(tagProps.find(pair.number, name, bytes), 0)
  if (plan == 0) {
    plan = learnTagProp(pair.tag, form.id, name, bytes)
    if (plan == 0) return false
    tagProps.add(pair.number, name, bytes, <i32>plan)
  }
  row.plan = plan
  if (changetype<ValuePlan>(plan).isTyped) typedHere++
  return indexValue(changetype<ValuePlan>(plan), bytagprop, bytagprop, row, owner)
}

function tagFormOf(form: FormPlan, name: usize, bytes: u32): TagForm | null {
  let tag = tags.find(0, name, bytes)
  if (tag < 0) {
    tag = learnTag(name, bytes)
    if (tag < 0) return null
    tags.add(0, name, bytes, tag)
  }
  const formId = changetype<usize>(form) + offsetof<FormPlan>('id')
  const known = tagForms.find(tag, formId, 4)
  if (known >= 0) return changetype<TagForm>(<usize>known)
  const pair = newTagForm(tag)
  tagForms.add(tag, formId, 4, <i32>pair)
  return changetype<TagForm>(pair)
}

function indexValue(plan: ValuePlan, rows: IndexRows, arrayRows: IndexRows, row: Row, owner: i32): bool {
  if (row.nameBytes - plan.nameSkip > MOST_NAME_BYTES) return false
  return index(plan.stortype, plan.group, plan.univGroup, rows, arrayRows, row, owner)
}

/** Makes the index rows of a value; those of arrays as `src/translate/node.ts` does. */
function index(
  stortype: u32,
  group: i32,
  univGroup: i32,
  rows: IndexRows,
  arrayRows: IndexRows,
  row: Row,
  owner: i32,
): bool {
  if ((stortype & ARRAY) == 0) return indexOne(stortype, group, univGroup, rows, row.valu, row.valuEnd, owner)
  const head = <u32>load<u8>(row.valu)
  let at = row.valu
  let count: u32
  if ((head & 0xf0) == 0x90) {
    count = head & 0x0f
    at += 1
  } else if (head == 0xdc) {
    count = u16At(at + 1)
    at += 3
  } else return false
  for (let i: u32 = 0; i < count; i++) {
    const end = skip(at, row.valuEnd)
    if (!indexOne(stortype & ~ARRAY, group, univGroup, arrayRows, at, end, owner)) return false
    at = end
  }
  return rows == arrayRows || indexOne(MSGP, group, univGroup, rows, row.valu, row.valuEnd, owner)
}

function indexOne(stortype: u32, group: i32, univGroup: i32, rows: IndexRows, at: usize, end: usize, owner: i32): bool {
  const out = rows.reserve()
  let bytes = writeIndex(stortype, at, end, out)
  if (bytes < 0) bytes = indexOf(stortype, at, end, out)
  if (bytes < 0) return false
  const start = rows.used
  rows.add(group, owner, bytes)
  if (univGroup >= 0) rows.addShared(univGroup, owner, start, bytes)
  return true
}

/** Hands the rows of `bybuid` to the page builder. Returns its fault, or 0. */
function writeRows(pages: LeafPages, form: FormPlan): i32 {
  copy(key, buid, BUID_BYTES)
  for (let kind: u32 = RowKind.form; kind <= <u32>RowKind.tagProp; kind++) {
    for (let i: u32 = 0; i < rowCount; i++) {
      const row = rowAt(i)
      if (row.kind != kind) continue
      const wrong = writeRow(pages, form, row)
      if (wrong != 0) return wrong
    }
  }
  if (rowCount == 1) return 0
  store<u8>(key + BUID_BYTES, FLAG_FORM)
  return put(pages, BUID_BYTES + 1, form.utf8, form.utf8Bytes)
}

function writeRow(pages: LeafPages, form: FormPlan, row: Row): i32 {
  const valuBytes = <u32>(row.valuEnd - row.valu)
  // The flags of all but the last are the numbers of the kinds.
  store<u8>(key + BUID_BYTES, <u8>row.kind)
  let keyBytes = BUID_BYTES + 1
  if (row.kind != RowKind.form) {
    const nameSkip = row.kind == RowKind.tag ? 1 : changetype<ValuePlan>(row.plan).nameSkip
    copy(key + keyBytes, row.name + nameSkip, row.nameBytes - nameSkip)
    keyBytes += row.nameBytes - nameSkip
  }
  if (row.kind == RowKind.tag) return put(pages, keyBytes, row.valu, valuBytes)
  const value = reserve(valuBytes + form.packedBytes + 16)
  let at = value + 1
  if (row.kind == RowKind.form) {
    store<u8>(value, TRIPLE)
    copy(at, form.packed, form.packedBytes)
    at += form.packedBytes
  } else store<u8>(value, PAIR)
  copy(at, row.valu, valuBytes)
  at += valuBytes
  let stor = form.stor
  let storBytes = form.storBytes
  if (row.kind != RowKind.form) {
    const plan = changetype<ValuePlan>(row.plan)
    stor = plan.stor
    storBytes = plan.storBytes
  }
  store<u32>(at, stor)
  return put(pages, keyBytes, value, <u32>(at - value) + storBytes)
}

function put(pages: LeafPages, keyBytes: u32, value: usize, valueBytes: u32): i32 {
  const wrong = addRow(pages, key, keyBytes, value, valueBytes)
  if (wrong != 0) faultKeyBytes = keyBytes
  return wrong
}

/** A buffer that stays valid until the next call. */
function reserve(bytes: u32): usize {
  if (bytes > scratchBytes) {
    if (scratch != 0) heap.free(scratch)
    scratchBytes = 2 * bytes
    scratch = heap.alloc(scratchBytes)
  }
  return scratch
}

function tableOf(db: u32): IndexRows {
  return db == 0 ? byprop : db == 1 ? byarray : db == 2 ? bytag : bytagprop
}

import { BUID_BYTES } from '../bytes/buid.js'
import { SpanMap } from '../bytes/span-map.js'
import { equalSpans } from '../bytes/spans.js'
import { NameMark, SOURCE_DBS } from '../layout/source-layer.js'
import type { SlabReader } from '../page/page-reader.js'
import type { FormFinder } from '../source/form-finder.js'
import { findNodeRows } from '../source/source-dbs.js'

/** Names in the rows of layers, with row counts; a count is 0 if we only looked at an index. */
export interface RowNames {
  readonly forms: Map<string, number>
  /** By form, then by relative name; universal properties as `.seen`. */
  readonly props: Map<string, Map<string, number>>
  readonly tagProps: Map<string, number>
}

const NUL = 0
const COLON = 0x3a

interface FormUse {
  readonly name: string
  count: number
  readonly props: SpanMap<Counted>
  readonly counted: Counted[]
}

interface Counted {
  readonly name: string
  count: number
}

export function noNames(): RowNames {
  return { forms: new Map(), props: new Map(), tagProps: new Map() }
}

/**
 * Counts the rows of a layer by name. Skips tags, which have no model.
 *
 * @param slab `layer.lmdb`
 * @param finder finds the forms of partial nodes; properties of those without a form are left out
 * @param progress called at every 2^20th row
 */
export function countNames(
  slab: SlabReader,
  finder: FormFinder,
  to: RowNames,
  progress: (rows: number, total: number) => void,
): void {
  const db = findNodeRows(slab)
  if (db === undefined) return
  const forms = new SpanMap<FormUse>()
  const used: FormUse[] = []
  const tagProps = new SpanMap<Counted>()
  const countedTagProps: Counted[] = []
  const buid = Buffer.alloc(BUID_BYTES)
  let form: FormUse | null = null
  let hasBuid = false
  let rows = 0

  function formOf(buf: Uint8Array, start: number, end: number): FormUse {
    const known = forms.get(buf, start, end)
    if (known !== undefined) return known
    const added: FormUse = { name: textOf(buf, start, end), count: 0, props: new SpanMap(), counted: [] }
    forms.add(buf, start, end, added)
    used.push(added)
    return added
  }

  function found(): FormUse | null {
    const name = finder.find(buid)
    if (name === null) return null
    const bytes = Buffer.from(name)
    return formOf(bytes, 0, bytes.length)
  }

  const cursor = db.scanner()
  for (let more = cursor.seek(null); more; more = cursor.next()) {
    if (++rows % 2 ** 20 === 0) progress(rows, db.entries)
    const { buf, keyStart, keyEnd } = cursor
    const start = keyStart + BUID_BYTES
    if (start >= keyEnd) continue
    if (!hasBuid || !equalSpans(buid, 0, BUID_BYTES, buf, keyStart, keyStart + BUID_BYTES)) {
      for (let i = 0; i < BUID_BYTES; i++) buid[i] = buf[keyStart + i]
      hasBuid = true
      form = null
    }
    const mark = buf[start]
    if (mark === NameMark.form) {
      form = formOf(buf, start + 1, keyEnd)
      form.count++
    } else if (mark === NameMark.tag) {
      const colon = buf.indexOf(COLON, start)
      if (colon >= 0 && colon < keyEnd) count(tagProps, countedTagProps, buf, colon + 1, keyEnd)
    } else {
      // The form's row comes before the rows of properties.
      form ??= found()
      if (form !== null) count(form.props, form.counted, buf, start, keyEnd)
    }
  }
  for (const { name, count: nodes, counted } of used) {
    if (nodes > 0) add(to.forms, name, nodes)
    for (const prop of counted) add(propsOf(to, name), prop.name, prop.count)
  }
  for (const { name, count: tagged } of countedTagProps) add(to.tagProps, name, tagged)
}

/**
 * The names in the indexes of a layer: a few pages for each, however many rows there are. Only values of type data have
 * no index.
 */
export function indexedNames(slab: SlabReader, to: RowNames): void {
  const props = slab.db(SOURCE_DBS.propIndex.db)?.cursor()
  for (let more = props?.seek(null); props !== undefined && more; ) {
    const key = Buffer.from(props.key())
    const formEnd = key.indexOf(NUL)
    const propEnd = formEnd < 0 ? -1 : key.indexOf(NUL, formEnd + 1)
    if (propEnd < 0) break
    const form = key.toString('utf8', 0, formEnd)
    const prop = key.toString('utf8', formEnd + 1, propEnd)
    const isTag = key[formEnd + 1] === NameMark.tag
    if (prop === '') add(to.forms, form, 0)
    else if (!isTag) add(propsOf(to, form), prop, 0)
    const past = key.subarray(0, isTag ? formEnd + 2 : propEnd + 1)
    past[past.length - 1]++
    more = props.seek(past)
  }
  const names = slab.db(SOURCE_DBS.tagPropNames.db)
  const tagProps = slab.db(SOURCE_DBS.tagPropAnywhere.db)?.cursor()
  for (let more = tagProps?.seek(null); tagProps !== undefined && more; ) {
    const abrv = Buffer.from(tagProps.key().subarray(0, ABRV_BYTES))
    const name = names?.get(abrv)
    if (name !== undefined) add(to.tagProps, Buffer.from(name).toString('utf8'), 0)
    more = tagProps.seek(next(abrv))
  }
}

const ABRV_BYTES = 8

function next(abrv: Buffer): Buffer {
  const above = Buffer.alloc(ABRV_BYTES)
  above.writeBigUInt64BE(abrv.readBigUInt64BE() + 1n)
  return above
}

function count(names: SpanMap<Counted>, all: Counted[], buf: Uint8Array, start: number, end: number): void {
  let entry = names.get(buf, start, end)
  if (entry === undefined) {
    entry = { name: textOf(buf, start, end), count: 0 }
    names.add(buf, start, end, entry)
    all.push(entry)
  }
  entry.count++
}

function propsOf({ props }: RowNames, form: string): Map<string, number> {
  const known = props.get(form)
  if (known !== undefined) return known
  const added = new Map<string, number>()
  props.set(form, added)
  return added
}

function add(counts: Map<string, number>, name: string, count: number): void {
  counts.set(name, (counts.get(name) ?? 0) + count)
}

function textOf(buf: Uint8Array, start: number, end: number): string {
  return Buffer.from(buf.subarray(start, end)).toString('utf8')
}

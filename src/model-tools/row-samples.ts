import { BUID_BYTES } from '../bytes/buid.js'
import { decode, type Value } from '../bytes/msgpack.js'
import { NameMark } from '../layout/source-layer.js'
import type { SlabReader } from '../page/page-reader.js'
import type { FormFinder } from '../source/form-finder.js'
import { findNodeRows } from '../source/source-dbs.js'

/**
 * A row's `[valu, indx]`. The index bytes of an array are one for the whole and one for each element; null if there are
 * none.
 */
export interface Sample {
  readonly valu: Value
  readonly indx: Value
}

/** A node whose form no model has, with its properties. */
export interface NodeSample extends Sample {
  readonly props: ReadonlyMap<string, Sample>
}

/** Rows with names that no model has: the first of each in buid order, which is as good as random. */
export interface RowSamples {
  readonly nodes: Map<string, NodeSample[]>
  /** By full name. */
  readonly props: Map<string, Sample[]>
  readonly univs: Map<string, Sample[]>
  readonly tagProps: Map<string, Sample[]>
}

export interface Wanted {
  readonly forms: ReadonlySet<string>
  readonly props: ReadonlySet<string>
  readonly univs: ReadonlySet<string>
  readonly tagProps: ReadonlySet<string>
  /** How many rows of each. */
  readonly most: number
}

/**
 * Takes samples of the rows of a layer.
 *
 * @param slab `layer.lmdb`
 * @param finder finds the forms of partial nodes
 */
export function takeSamples(slab: SlabReader, finder: FormFinder, wanted: Wanted, to: RowSamples): void {
  const cursor = findNodeRows(slab)?.cursor()
  if (cursor === undefined) return
  let buid: Buffer | null = null
  let form: string | null = null
  let node: { props: Map<string, Sample> } | null = null
  const full = new Set<string>()
  for (let more = cursor.seek(null); more; more = cursor.next()) {
    const { buf, keyStart, keyEnd } = cursor
    const start = keyStart + BUID_BYTES
    if (start >= keyEnd) continue
    if (buid === null || buid.compare(buf, keyStart, start) !== 0) {
      buid = Buffer.from(buf.subarray(keyStart, start))
      form = null
      node = null
    }
    const name = Buffer.from(buf.buffer, buf.byteOffset + start, keyEnd - start).toString('utf8')
    const sample = () => sampleOf(cursor.value())
    if (buf[start] === NameMark.form) {
      form = name.slice(1)
      if (!wanted.forms.has(form)) continue
      const nodes = listOf(to.nodes, form)
      const own = nodes.length < wanted.most ? sample() : null
      if (own === null) continue
      node = { props: new Map() }
      nodes.push({ ...own, props: node.props })
    } else if (buf[start] === NameMark.tag) {
      const colon = name.indexOf(':')
      if (colon > 0) keep(to.tagProps, wanted.tagProps, name.slice(colon + 1), sample)
    } else {
      form ??= finder.find(buid)
      if (form === null) continue
      node?.props.set(name, sample() ?? NOTHING)
      const key = name.startsWith('.') ? name : `${form}:${name}`
      if (full.has(key)) continue
      const isFull = name.startsWith('.')
        ? keep(to.univs, wanted.univs, name, sample)
        : keep(to.props, wanted.props, key, sample)
      if (isFull) full.add(key)
    }
  }

  function keep(
    lists: Map<string, Sample[]>,
    names: ReadonlySet<string>,
    name: string,
    make: () => Sample | null,
  ): boolean {
    if (!names.has(name)) return true
    const list = listOf(lists, name)
    if (list.length >= wanted.most) return true
    const made = make()
    if (made !== null) list.push(made)
    return false
  }
}

const NOTHING: Sample = { valu: null, indx: null }

/** Null when it is damaged; a migration reports such rows. */
function sampleOf(row: Uint8Array): Sample | null {
  try {
    const pair = decode(row)
    return Array.isArray(pair) && pair.length === 2 ? { valu: pair[0], indx: pair[1] } : null
  } catch {
    return null
  }
}

function listOf<T>(lists: Map<string, T[]>, name: string): T[] {
  const known = lists.get(name)
  if (known !== undefined) return known
  const added: T[] = []
  lists.set(name, added)
  return added
}

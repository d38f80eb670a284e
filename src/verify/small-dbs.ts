import { ABRV_SPACES, DEST_DBS, type DestLayerSlab, dbsFrom, dbsOf } from '../layout/dest-dbs.js'
import { SlabReader } from '../page/page-reader.js'
import type { Difference } from './report.js'

type LayerDifference = Omit<Difference, 'layer'>

/**
 * Compares what a layer's slab has besides nodes and their indexes: abbreviations, counts by form, its list of
 * databases.
 */
export function smallDbDifferences(destLayerPath: string, forms: ReadonlyMap<string, number>): LayerDifference[] {
  const slab = SlabReader.open(destLayerPath)
  try {
    return [
      ...formDifferences(slab, forms),
      ...Object.values(ABRV_SPACES).flatMap((space) => abrvDifferences(slab, space)),
    ]
  } finally {
    slab.close()
  }
}

/** A layer's slab must have exactly the databases in the table, and no plain rows. */
export function dbDifferences(path: string, slabName: DestLayerSlab): LayerDifference[] {
  const slab = SlabReader.open(path)
  try {
    return [...wrongDbs(slab, slabName), ...wrongRows(slab, slabName)]
  } finally {
    slab.close()
  }
}

function* wrongDbs(slab: SlabReader, slabName: DestLayerSlab): Generator<LayerDifference> {
  const wanted = dbsOf(slabName)
  for (const name of wanted) {
    const db = slab.db(name)
    if (db === undefined) yield difference('missing', name, 'the database')
    else if (db.dupSort !== DEST_DBS[name].dupSort) yield difference('different', name, `dupsort is ${db.dupSort}`)
  }
  const strangers = slab.dbNames().filter((name) => !(wanted as readonly string[]).includes(name))
  for (const name of strangers) yield difference('extra', name, 'the database')
}

function* wrongRows(slab: SlabReader, slabName: DestLayerSlab): Generator<LayerDifference> {
  for (const { key, value } of slab.mainRows()) yield difference('extra', `${slabName}.lmdb`, hex(key), null, value)
  for (const name of dbsFrom('nothing').filter((db) => DEST_DBS[db].slab === slabName)) {
    for (const { key, value } of rows(slab, name)) yield difference('extra', name, `key ${hex(key)}`, null, value)
  }
}

function formDifferences(slab: SlabReader, forms: ReadonlyMap<string, number>): LayerDifference[] {
  const there = new Map(rows(slab, 'count:forms').map(({ key, value }) => [Buffer.from(key).toString('utf8'), value]))
  const found: LayerDifference[] = []
  for (const [form, count] of forms) {
    const expected = int64(count)
    const value = there.get(form) ?? null
    there.delete(form)
    if (value !== null && Buffer.compare(value, expected) === 0) continue
    found.push(difference(value === null ? 'missing' : 'different', 'count:forms', form, expected, value))
  }
  for (const [form, value] of there) found.push(difference('extra', 'count:forms', form, null, value))
  return found
}

/** The two tables of a kind of name must agree, and no two names may share an abbreviation. */
function abrvDifferences(slab: SlabReader, space: string): LayerDifference[] {
  const given = rows(slab, `${space}:byts2abrv`)
  const names = new Map(given.map(({ key, value }) => [hex(value), key]))
  const found: LayerDifference[] = []
  for (const { key, value } of given) {
    if (names.get(hex(value)) === key) continue
    found.push(difference('different', `${space}:byts2abrv`, `name ${hex(key)} shares an abbreviation`, null, value))
  }
  for (const { key, value } of rows(slab, `${space}:abrv2byts`)) {
    const name = names.get(hex(key)) ?? null
    names.delete(hex(key))
    if (name !== null && Buffer.compare(name, value) === 0) continue
    const kind = name === null ? 'extra' : 'different'
    found.push(difference(kind, `${space}:abrv2byts`, `abbreviation ${hex(key)}`, name, value))
  }
  for (const [abrv, name] of names)
    found.push(difference('missing', `${space}:abrv2byts`, `abbreviation ${abrv}`, name))
  return found
}

function rows(slab: SlabReader, name: string): { key: Uint8Array; value: Uint8Array }[] {
  return [...(slab.db(name)?.rows() ?? [])]
}

function difference(
  kind: Difference['kind'],
  place: string,
  row: string,
  expected: Uint8Array | null = null,
  found: Uint8Array | null = null,
): LayerDifference {
  return { kind, place, buid: null, row, expected, found }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function int64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

import { SlabReader } from '../page/page-reader.js'
import type { Difference } from './report.js'

const ABRV_SPACES = ['propabrv', 'tagabrv', 'tagpropabrv'] as const
/** All databases of a layer and whether they keep several values for a key. */
const LAYER_DBS: Readonly<Record<string, boolean>> = {
  bybuid: false,
  byprop: true,
  byarray: true,
  bytag: true,
  bytagprop: true,
  byverb: true,
  edgesn1: true,
  edgesn2: true,
  offsets: false,
  counters: false,
  'count:forms': false,
  ...Object.fromEntries(
    ABRV_SPACES.flatMap((space) => [`${space}:byts2abrv`, `${space}:abrv2byts`]).map((db) => [db, false]),
  ),
}
/** What 0.1.x has nothing for. */
const EMPTY_DBS = ['byverb', 'edgesn1', 'edgesn2', 'offsets', 'counters'] as const

type LayerDifference = Omit<Difference, 'layer'>

/** Compares what a layer's slab keeps beside nodes and their indexes: abbreviations, counts by form, its databases. */
export function smallDbDifferences(destLayerPath: string, forms: ReadonlyMap<string, number>): LayerDifference[] {
  const slab = SlabReader.open(destLayerPath)
  try {
    return [
      ...dbDifferences(slab),
      ...formDifferences(slab, forms),
      ...ABRV_SPACES.flatMap((space) => abrvDifferences(slab, space)),
    ]
  } finally {
    slab.close()
  }
}

function dbDifferences(slab: SlabReader): LayerDifference[] {
  const found: LayerDifference[] = []
  for (const [name, dupSort] of Object.entries(LAYER_DBS)) {
    const db = slab.db(name)
    if (db === undefined) found.push(difference('missing', name, 'the database'))
    else if (db.dupSort !== dupSort) found.push(difference('different', name, `dupsort is ${db.dupSort}`))
  }
  for (const name of slab.dbNames()) {
    if (!(name in LAYER_DBS)) found.push(difference('extra', name, 'the database'))
  }
  for (const name of EMPTY_DBS) {
    for (const { key, value } of slab.db(name)?.rows() ?? []) {
      found.push(difference('extra', name, `key ${hex(key)}`, null, value))
    }
  }
  return found
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

/** The two tables of a space must say the same, and no two names may have one abbreviation. */
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

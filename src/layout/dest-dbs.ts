import type { LayerSlab } from './paths.js'

/** Slabs of a 2.x layer. */
export const DEST_LAYER_SLABS = ['layer_v2', 'nodedata', 'nodeedits'] as const satisfies readonly LayerSlab[]

export type DestLayerSlab = (typeof DEST_LAYER_SLABS)[number]

/** What can have an abbreviation. Each kind has two databases: name to abbreviation, and back. */
export const ABRV_SPACES = { prop: 'propabrv', tag: 'tagabrv', tagProp: 'tagpropabrv' } as const

/** The kind of name that one part of a key abbreviates. */
export type KeyName = keyof typeof ABRV_SPACES

/** One database of a 2.x layer. */
export interface DestDb {
  readonly slab: DestLayerSlab
  /** Whether a key may have several values. */
  readonly dupSort: boolean
  /**
   * Where its rows come from: nodes and their data in buid order, sorted runs of index rows, abbreviated names, counts
   * by form, the splices, or nowhere, when 0.1.x has nothing for it.
   */
  readonly from: 'nodes' | 'runs' | 'names' | 'counts' | 'splices' | 'nothing'
  /** The names that a key starts with, if any: one of any kind, or a tag and the node's form. */
  readonly key?: readonly [KeyName] | readonly ['tag', 'prop']
  /** Whether a list value has a row for each element. The same row may then come twice; we store it once. */
  readonly ofElements?: true
}

/** Every database of a 2.x layer. Whatever lists, builds or compares them reads this table. */
export const DEST_DBS = {
  bybuid: { slab: 'layer_v2', dupSort: false, from: 'nodes' },
  byprop: { slab: 'layer_v2', dupSort: true, from: 'runs', key: ['prop'] },
  byarray: { slab: 'layer_v2', dupSort: true, from: 'runs', key: ['prop'], ofElements: true },
  bytag: { slab: 'layer_v2', dupSort: true, from: 'runs', key: ['tag', 'prop'] },
  bytagprop: { slab: 'layer_v2', dupSort: true, from: 'runs', key: ['tagProp'], ofElements: true },
  byverb: { slab: 'layer_v2', dupSort: true, from: 'nothing' },
  edgesn1: { slab: 'layer_v2', dupSort: true, from: 'nothing' },
  edgesn2: { slab: 'layer_v2', dupSort: true, from: 'nothing' },
  offsets: { slab: 'layer_v2', dupSort: false, from: 'nothing' },
  counters: { slab: 'layer_v2', dupSort: false, from: 'nothing' },
  'count:forms': { slab: 'layer_v2', dupSort: false, from: 'counts' },
  'propabrv:byts2abrv': { slab: 'layer_v2', dupSort: false, from: 'names' },
  'propabrv:abrv2byts': { slab: 'layer_v2', dupSort: false, from: 'names' },
  'tagabrv:byts2abrv': { slab: 'layer_v2', dupSort: false, from: 'names' },
  'tagabrv:abrv2byts': { slab: 'layer_v2', dupSort: false, from: 'names' },
  'tagpropabrv:byts2abrv': { slab: 'layer_v2', dupSort: false, from: 'names' },
  'tagpropabrv:abrv2byts': { slab: 'layer_v2', dupSort: false, from: 'names' },
  nodedata: { slab: 'nodedata', dupSort: false, from: 'nodes' },
  dataname: { slab: 'nodedata', dupSort: true, from: 'runs', key: ['prop'] },
  nodeedits: { slab: 'nodeedits', dupSort: false, from: 'splices' },
} as const satisfies Record<string, DestDb>

export type DestDbName = keyof typeof DEST_DBS

type NamesFrom<From extends DestDb['from']> = {
  [Name in DestDbName]: (typeof DEST_DBS)[Name]['from'] extends From ? Name : never
}[DestDbName]

/** Databases that index nodes or node data by value. */
export type IndexDb = NamesFrom<'runs'>

/** The databases whose rows come from one place, in table order. */
export function dbsFrom<From extends DestDb['from']>(from: From): readonly NamesFrom<From>[] {
  const names = Object.keys(DEST_DBS) as DestDbName[]
  return names.filter((name): name is NamesFrom<From> => DEST_DBS[name].from === from)
}

export const INDEX_DBS: readonly IndexDb[] = dbsFrom('runs')

/** Indexes of nodes; the other ones index node data. */
export type NodeIndexDb = {
  [Name in IndexDb]: (typeof DEST_DBS)[Name]['slab'] extends 'layer_v2' ? Name : never
}[IndexDb]

export const NODE_INDEX_DBS = INDEX_DBS.filter((name): name is NodeIndexDb => DEST_DBS[name].slab === 'layer_v2')

/** The names that a key of this index starts with. */
export function keyOf(db: IndexDb): readonly [KeyName] | readonly ['tag', 'prop'] {
  return DEST_DBS[db].key
}

/** See {@link DestDb.ofElements}. */
export function isOfElements(db: IndexDb): boolean {
  return 'ofElements' in DEST_DBS[db]
}

/** Makes a value for each of the given databases. */
export function perDb<Db extends DestDbName, T>(dbs: readonly Db[], make: (db: Db) => T): Record<Db, T> {
  return Object.fromEntries(dbs.map((db) => [db, make(db)])) as Record<Db, T>
}

/** The databases of a slab. */
export function dbsOf(slab: DestLayerSlab): readonly DestDbName[] {
  return (Object.keys(DEST_DBS) as DestDbName[]).filter((name) => DEST_DBS[name].slab === slab)
}

/**
 * The layout of a 0.1.x layer on disk, in its last version: its slabs, its databases, and how the keys of its rows
 * begin. Older layouts have other names of forms and properties, but the same structure.
 */

/** The model version of a layer in this layout, `layer:model:version`. */
export const SOURCE_LAYER_VERSION = [0, 1, 3] as const

/** The slabs of a layer. */
export const SOURCE_SLABS = ['layer', 'nodedata', 'splices'] as const

export type SourceSlab = (typeof SOURCE_SLABS)[number]

/** The databases that are read, and the slab that each lies in. */
export const SOURCE_DBS = {
  /** Key: buid and the name of a row, marked by `NameMark`; value: msgpack of `[valu, indx]`. */
  nodes: { slab: 'layer', db: 'bybuid' },
  /** Key: buid and a name; value: msgpack. */
  nodedata: { slab: 'nodedata', db: 'bybuid' },
  /** Key: offset, 8 bytes, big-endian; value: msgpack of the splice. */
  splices: { slab: 'splices', db: 'splices' },
  /** Key: iden of a feed; value: its position, 8 bytes, big-endian. */
  offsets: { slab: 'layer', db: 'offsets' },
  /** Key: form, NUL, property, NUL, index bytes; value: msgpack of `[buid]`. */
  propIndex: { slab: 'layer', db: 'byprop' },
  /** Key: an abbreviation, 8 bytes, and index bytes; value: msgpack of `[buid]`. */
  tagPropIndex: { slab: 'layer', db: 'by_tp_ftpi' },
  /** Like tagPropIndex, for the names of tag properties alone, whatever form and tag they are on. */
  tagPropAnywhere: { slab: 'layer', db: 'by_tp_pi' },
  /** Key: an abbreviation; value: `form#tag:prop`. */
  tagPropNames: { slab: 'layer', db: 'abrv2name' },
} as const satisfies Record<string, { readonly slab: SourceSlab; readonly db: string }>

/** The key in the unnamed database of `layer.lmdb` that holds the model version, as msgpack. */
export const MODEL_VERSION_KEY = 'layer:model:version'

/** The first byte of a name tells forms and tags; every other name is a property's. */
export const NameMark = { form: 0x2a, tag: 0x23 } as const

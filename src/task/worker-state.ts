import { Model, type ModelData } from '../model/model.js'
import { SlabReader } from '../page/page-reader.js'
import type { StortypeSource } from '../translate/stortypes.js'

// A worker thread runs many tasks of one migration: what is dear to make is kept between them.
const slabs = new Map<string, SlabReader>()
let model: { readonly key: string; readonly model: Model } | null = null

/** A reader of a source slab, opened once per thread. */
export function openSource(path: string): SlabReader {
  let slab = slabs.get(path)
  if (slab === undefined) {
    slab = SlabReader.open(path)
    slabs.set(path, slab)
  }
  return slab
}

export function workerModel(data: ModelData): Model {
  const key = modelKey(data)
  if (model === null || model.key !== key) model = { key, model: Model.fromJSON(data) }
  return model.model
}

/** Tells models apart. */
export function modelKey(data: ModelData): string {
  return JSON.stringify(data.additions, (_, value) => (typeof value === 'bigint' ? `${value}n` : value))
}

export function workerStortypes(data: ModelData): StortypeSource {
  const { forms, tagProps } = workerModel(data)
  return {
    formStortype: (form) => forms.get(form)?.stortype,
    propStortype: (form, prop) => forms.get(form)?.props.get(prop)?.stortype,
    tagPropStortype: (prop) => tagProps.get(prop)?.stortype,
  }
}

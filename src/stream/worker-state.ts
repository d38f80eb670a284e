import { Model, type ModelData } from '../model/model.js'
import { SlabReader } from '../page/page-reader.js'
import { NodeTranslator, type NodeTranslatorOptions } from '../translate/node.js'
import type { StortypeSource } from '../translate/stortypes.js'
import { namesOfToday } from '../upgrade/today.js'

// A worker thread runs many tasks of one migration, so it keeps what is expensive to create.
const slabs = new Map<string, SlabReader>()
/** How many names a translator may remember: a layer can have millions of tags. */
const MOST_NAMES = 200_000
let translator: { readonly key: string; readonly translator: NodeTranslator } | null = null
let stortypes: { readonly model: Model; readonly source: StortypeSource } | null = null
let model: { readonly key: string; readonly model: Model } | null = null

/** A reader of a source slab; each thread opens it once. */
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

/** A translator of nodes, reset for a new partition. */
export function workerTranslator(data: ModelData, options: NodeTranslatorOptions): NodeTranslator {
  const key = `${modelKey(data)} ${options.checks} ${options.layer}`
  if (translator?.key !== key || translator.translator.plans.nameCount > MOST_NAMES) {
    translator = { key, translator: new NodeTranslator(workerModel(data), options) }
  }
  translator.translator.reset()
  return translator.translator
}

/** Identifies a model. */
export function modelKey(data: ModelData): string {
  return JSON.stringify(data.additions, (_, value) => (typeof value === 'bigint' ? `${value}n` : value))
}

/** The same object as long as the model is the same. */
export function workerStortypes(data: ModelData): StortypeSource {
  const found = workerModel(data)
  if (stortypes?.model !== found) stortypes = { model: found, source: stortypesOf(found) }
  return stortypes.source
}

function stortypesOf(model: Model): StortypeSource {
  const { forms, tagProps } = model
  return {
    formStortype: (form) => forms.get(form)?.stortype,
    propStortype: (form, prop) => forms.get(form)?.props.get(prop)?.stortype,
    tagPropStortype: (prop) => tagProps.get(prop)?.stortype,
    names: namesOfToday(model),
  }
}

import { PackMap, type Value } from '../bytes/msgpack.js'
import { itemsOf } from '../bytes/value-parts.js'
import type { ExtendedModel } from '../model/model.js'
import { Model } from '../model/model.js'
import type { ModelFile, TypeDefRef } from '../model/model-file.js'
import { plainOpts } from '../model/opts.js'
import type { Opt } from '../model/type.js'
import { ModelError } from '../norm-error.js'
import { problemText } from './problem-text.js'
import type { RowNames } from './row-names.js'

/** What rows use although no model has it; sorted by name. */
export interface Uncovered {
  readonly forms: readonly Use[]
  /** By full name. */
  readonly props: readonly Use[]
  readonly univs: readonly Use[]
  readonly tagProps: readonly Use[]
  /** Types that a model file or the hive refers to but nobody defines, with the rows that would use them. */
  readonly types: readonly Use[]
  /** What makes no sense in the model files, one line each. */
  readonly problems: readonly string[]
}

export interface Use {
  readonly name: string
  /** Number of rows; 0 if we only looked at indexes. */
  readonly count: number
}

/** The model of files and hive, as far as it makes sense, and the names in rows that it lacks. */
export function findUncovered(
  names: RowNames,
  files: readonly ModelFile[],
  extended: ExtendedModel,
): { uncovered: Uncovered; model: Model } {
  const model = Model.core()
  const problems = files.flatMap((file) => model.addWhatFits(file).problems.map(problemText))
  model.addExtendedModel(extended)
  const forms = new Map<string, number>()
  const props = new Map<string, number>()
  const univs = new Map<string, number>()
  const tagProps = new Map<string, number>()
  for (const [form, count] of names.forms) if (!model.forms.has(form)) forms.set(form, count)
  for (const [form, counts] of names.props) {
    const known = model.forms.get(form)?.props
    for (const [prop, count] of counts) {
      const isUniv = prop.startsWith('.')
      if (isUniv ? model.univs.has(prop) : known?.has(prop)) continue
      if (isUniv) univs.set(prop, (univs.get(prop) ?? 0) + count)
      else props.set(`${form}:${prop}`, count)
    }
  }
  for (const [prop, count] of names.tagProps) if (!model.tagProps.has(prop)) tagProps.set(prop, count)
  return {
    uncovered: {
      forms: uses(forms),
      props: uses(props),
      univs: uses(univs),
      tagProps: uses(tagProps),
      types: uses(missingTypes(model, names, files, extended)),
      problems,
    },
    model,
  }
}

export function isCovered({ forms, props, univs, tagProps, types, problems }: Uncovered): boolean {
  return [forms, props, univs, tagProps, types, problems].every(({ length }) => length === 0)
}

function missingTypes(
  model: Model,
  names: RowNames,
  files: readonly ModelFile[],
  extended: ExtendedModel,
): Map<string, number> {
  const missing = new Map<string, number>()
  const note = (ref: TypeDefRef, rows: number) => {
    for (const type of typesOf(ref)) {
      if (model.type(type) === undefined) missing.set(type, (missing.get(type) ?? 0) + rows)
    }
  }
  const propRows = (form: string, prop: string) => names.props.get(form)?.get(prop) ?? 0
  const univRows = (univ: string) => [...names.props.values()].reduce((sum, props) => sum + (props.get(univ) ?? 0), 0)
  for (const file of files) {
    for (const [name, { subof, opts }] of Object.entries(file.types)) {
      if (subof !== null) note([subof, opts], names.forms.get(name) ?? 0)
    }
    for (const [form, props] of Object.entries(file.forms)) {
      note([form, {}], names.forms.get(form) ?? 0)
      for (const [prop, ref] of Object.entries(props)) note(ref, propRows(form, prop))
    }
    for (const [univ, ref] of Object.entries(file.univs)) note(ref, univRows(univ))
    for (const [prop, ref] of Object.entries(file.tagProps)) note(ref, names.tagProps.get(prop) ?? 0)
  }
  for (const row of extended.props) {
    const [form, prop, typedef] = itemsOf(row)
    note(refOf(typedef), propRows(String(form), String(prop)))
  }
  for (const row of extended.univs) {
    const [univ, typedef] = itemsOf(row)
    note(refOf(typedef), univRows(`.${univ}`))
  }
  for (const row of extended.tagProps) {
    const [prop, typedef] = itemsOf(row)
    note(refOf(typedef), names.tagProps.get(String(prop)) ?? 0)
  }
  return missing
}

/** The types of properties in the hive, by full name; universal ones as `.name`, tag properties as `#name`. */
export function typedefsOf({ props, univs, tagProps }: ExtendedModel): Map<string, TypeDefRef> {
  const found = new Map<string, TypeDefRef>()
  for (const [form, prop, typedef] of props.map(itemsOf)) found.set(`${form}:${prop}`, refOf(typedef))
  for (const [univ, typedef] of univs.map(itemsOf)) found.set(`.${univ}`, refOf(typedef))
  for (const [prop, typedef] of tagProps.map(itemsOf)) found.set(`#${prop}`, refOf(typedef))
  return found
}

/** A type, and the types that its options name: items of arrays, fields of comps. */
function typesOf([name, opts]: TypeDefRef): string[] {
  const fields = Array.isArray(opts.fields) ? opts.fields : []
  return [
    name,
    ...nameIn(opts.type),
    ...fields.flatMap((field: Opt) => nameIn(Array.isArray(field) ? field[1] : undefined)),
  ]
}

function nameIn(def: Opt | undefined): string[] {
  if (typeof def === 'string') return [def]
  return Array.isArray(def) && typeof def[0] === 'string' ? [def[0]] : []
}

/** A type reference from the hive. If it is invalid, returns one to a type that does not exist. */
function refOf(typedef: Value | undefined): TypeDefRef {
  const [name, opts] = itemsOf(typedef)
  try {
    return [String(name), plainOpts(opts ?? new PackMap([]))]
  } catch (error) {
    if (error instanceof ModelError) return [String(name), {}]
    throw error
  }
}

function uses(counts: ReadonlyMap<string, number>): Use[] {
  return [...counts].map(([name, count]) => ({ name, count })).sort((a, b) => (a.name < b.name ? -1 : 1))
}

import { PackMap, type Value } from '../bytes/msgpack.js'
import { entriesOf, fieldOf, itemsOf } from '../bytes/value-parts.js'
import { MigrationError } from '../errors.js'
import { Model, type ModelProblem } from '../model/model.js'
import { classOf, type ModelFile, type TypeDef, type TypeDefRef } from '../model/model-file.js'
import { plainOpts } from '../model/opts.js'
import { ModelError } from '../norm-error.js'
import { resolveUrl } from '../telepath/aliases.js'
import { openProxy, type TeleProxy } from '../telepath/client.js'
import { BadUrl, LinkDown, TelepathError } from '../telepath/errors.js'
import { maskUrl, maskUrls } from '../telepath/url.js'
import { OLD_FORMS, OLD_PROPS } from '../translate/stortypes.js'

/** What a running Cortex has beyond the built-in model. */
export interface RemoteModel {
  readonly file: ModelFile
  /** The release of the Cortex. */
  readonly version: readonly number[]
  /** Parts that we cannot use. */
  readonly problems: readonly ModelProblem[]
}

type Mutable<T> = { [name: string]: T }

/** Nodes that a Cortex generates from its model and does not store. */
const RUNT_FORMS = /^syn:/

/**
 * The model of a running 0.1.x or 2.x Cortex, without what is built in.
 *
 * @param url telepath url or alias
 * @throws {MigrationError} ERR_CONFIG when it cannot be read; no message contains the password
 */
export async function readRemoteModel(url: string): Promise<RemoteModel> {
  try {
    const proxy = await openProxy(resolveUrl(url))
    try {
      const { file, problems } = modelOf(await modelDefs(proxy), await proxy.call('getModelDict'))
      return { file, version: proxy.version, problems }
    } finally {
      await proxy.close()
    }
  } catch (error) {
    if (!(error instanceof TelepathError || error instanceof LinkDown || error instanceof BadUrl)) throw error
    throw new MigrationError('ERR_CONFIG', `Cannot read the model of ${maskUrl(url)}: ${maskUrls(error.message)}`, {
      cause: error,
      hint: 'Give the telepath url of a running Cortex, like tcp://user:password@host:27492/, with a user that it knows',
    })
  }
}

/**
 * @param defs the result of `getModelDefs()`, which has the names of classes; null when the release has no such method
 * @param dict the result of `getModelDict()`, which has the stortypes
 */
export function modelOf(defs: Value, dict: Value): { file: ModelFile; problems: ModelProblem[] } {
  const core = Model.core()
  const problems: ModelProblem[] = []
  const types: Mutable<TypeDef> = {}
  const forms: Mutable<Mutable<TypeDefRef>> = {}
  const univs: Mutable<TypeDefRef> = {}
  const tagProps: Mutable<TypeDefRef> = {}

  function add<T>(to: Mutable<T>, kind: ModelProblem['kind'], name: string, make: () => T): void {
    try {
      to[name] = make()
    } catch (error) {
      if (!(error instanceof ModelError)) throw error
      problems.push({ kind, name, message: error.message, isKnown: false })
    }
  }

  function addType(name: string, subof: string | null, classes: readonly string[], opts: Value): void {
    if (core.type(name) !== undefined || OLD_FORMS.has(name)) return
    const found = fieldOf(fieldOf(fieldOf(dict, 'types'), name), 'stortype')
    const stortype = typeof found === 'number' ? found : null
    add(types, 'type', name, () => ({ classes, subof, opts: plainOpts(opts), stortype }))
  }

  function addProp(form: string, prop: string, typedef: Value): void {
    if (prop.startsWith('.') || core.forms.get(form)?.props.has(prop) || OLD_PROPS.has(`${form}:${prop}`)) return
    forms[form] ??= {}
    add(forms[form], 'prop', prop, () => refOf(typedef))
  }

  for (const mdef of itemsOf(defs).map((def) => itemsOf(def)[1])) {
    for (const [name, path, opts] of rowsOf(mdef, 'ctors')) addType(String(name), null, [classOf(String(path))], opts)
    for (const [name, def] of rowsOf(mdef, 'types')) {
      const [base, opts] = itemsOf(def)
      addType(String(name), String(base), [], opts)
    }
  }
  for (const [name, type] of entriesOf(fieldOf(dict, 'types'))) {
    if (defs !== null || String(name) in types) continue
    const bases = itemsOf(fieldOf(fieldOf(type, 'info'), 'bases'))
    const base = bases.at(-1)
    addType(String(name), typeof base === 'string' ? base : null, [], fieldOf(type, 'opts') ?? new PackMap([]))
  }
  for (const [name, form] of entriesOf(fieldOf(dict, 'forms'))) {
    if (typeof name !== 'string' || RUNT_FORMS.test(name) || OLD_FORMS.has(name)) continue
    if (!core.forms.has(name)) forms[name] = {}
    for (const [prop, info] of entriesOf(fieldOf(form, 'props'))) {
      if (typeof prop === 'string') addProp(name, prop, fieldOf(info, 'type') ?? null)
      if (typeof prop !== 'string' || !prop.startsWith('.') || core.univs.has(prop) || prop in univs) continue
      add(univs, 'univ', prop, () => refOf(fieldOf(info, 'type') ?? null))
    }
  }
  for (const [name, info] of entriesOf(fieldOf(dict, 'tagprops'))) {
    add(tagProps, 'tagProp', String(name), () => refOf(fieldOf(info, 'type') ?? null))
  }
  const added = core.addWhatFits({ types, forms, univs, tagProps })
  return { file: added.fitting, problems: [...problems, ...added.problems] }
}

/** Early 0.1.x releases may not have this method. */
async function modelDefs(proxy: TeleProxy): Promise<Value> {
  try {
    return await proxy.call('getModelDefs')
  } catch (error) {
    if (error instanceof TelepathError && error.name === 'NoSuchMeth') return null
    throw error
  }
}

function refOf(typedef: Value): TypeDefRef {
  const [name, opts = new PackMap([])] = itemsOf(typedef)
  if (typeof name !== 'string') throw new ModelError('TypeError', 'it has no type')
  return [name, plainOpts(opts)]
}

function rowsOf(mdef: Value | undefined, key: string): Value[][] {
  return itemsOf(fieldOf(mdef, key)).map(itemsOf)
}

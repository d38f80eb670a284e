import { PackMap, pyEquals, type Value } from '../bytes/msgpack.js'
import type { RemoteCortex } from './api.js'
import type { DictModel, DictProp } from './dict-model.js'

/** A property that an operator added to the source's model. The splice log does not mention it. */
export interface ModelExtension {
  readonly kind: 'prop' | 'univ' | 'tagprop'
  /** Its name as operators write it: `inet:ipv4:_x`, `._x`, or the tag prop. */
  readonly name: string
  /** Method of the 2.x Cortex that adds it, with its arguments. */
  readonly method: 'addFormProp' | 'addUnivProp' | 'addTagProp'
  readonly args: readonly Value[]
}

export interface ModelComparison {
  /** Extensions that the destination lacks. */
  readonly missing: readonly ModelExtension[]
  /** What differs, or cannot be added over telepath, one sentence each. */
  readonly notes: readonly string[]
}

/** Compares the source's model (0.1.x) with the destination's. */
export function compareModels(source: DictModel, dest: DictModel): ModelComparison {
  const missing = new Map<string, ModelExtension>()
  const notes: string[] = []
  for (const [form, { runt, props }] of source.forms) {
    const known = dest.forms.get(form)
    if (known === undefined) {
      if (!runt) notes.push(`Form ${form} is in the source's model only: load its module in the destination`)
      continue
    }
    for (const [name, prop] of props) {
      const there = known.props.get(name)
      const extension = extensionOf(form, name, prop)
      if (extension === null) continue
      if (there === undefined) missing.set(extension.name, extension)
      else if (!sameType(prop, there)) notes.push(typeDiffers(extension.name))
    }
  }
  for (const [name, prop] of source.tagProps) {
    const there = dest.tagProps.get(name)
    if (there === undefined) {
      const args = [name, typeOf(prop), infoOf(prop)]
      missing.set(`#:${name}`, { kind: 'tagprop', name, method: 'addTagProp', args })
    } else if (!sameType(prop, there)) {
      notes.push(typeDiffers(`tag prop ${name}`))
    }
  }
  return { missing: [...missing.values()], notes: [...new Set(notes)] }
}

/** Adds an extension to the destination. It does not matter if someone else added it first. */
export async function addExtension(dest: RemoteCortex, extension: ModelExtension): Promise<void> {
  try {
    await dest.call(extension.method, ...extension.args)
  } catch (error) {
    if ((error as Error).name !== 'DupPropName') throw error
  }
}

/** Only names that start with `_` are extensions; others belong to the model's release. */
function extensionOf(form: string, name: string, prop: DictProp): ModelExtension | null {
  if (name.startsWith('._')) {
    const args = [name.slice(1), typeOf(prop), infoOf(prop)]
    return { kind: 'univ', name, method: 'addUnivProp', args }
  }
  if (!name.startsWith('_')) return null
  const args = [form, name, typeOf(prop), infoOf(prop)]
  return { kind: 'prop', name: `${form}:${name}`, method: 'addFormProp', args }
}

function typeOf(prop: DictProp): Value {
  return prop.info.get('type') ?? null
}

/** Tag props have their info in a separate map, other props have it beside the type. */
function infoOf(prop: DictProp): PackMap {
  const info = prop.info.get('info')
  if (info instanceof PackMap) return info
  return new PackMap(prop.info.entries.filter(([key]) => key !== 'type' && key !== 'stortype'))
}

function sameType(a: DictProp, b: DictProp): boolean {
  const typeB = b.info.get('type')
  return typeB === undefined || pyEquals(typeOf(a), typeB)
}

function typeDiffers(name: string): string {
  return `The type of ${name} differs between source and destination`
}

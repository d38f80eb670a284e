import { PackMap, type Value } from '../bytes/msgpack.js'
import { entriesOf, fieldOf } from '../bytes/value-parts.js'
import type { StortypeSource } from '../translate/stortypes.js'

/** The model from a Cortex's `getModelDict()`; that of a 2.x Cortex also has stortypes. */
export class DictModel implements StortypeSource {
  readonly forms: ReadonlyMap<string, DictForm>
  readonly tagProps: ReadonlyMap<string, DictProp>

  constructor(dict: Value) {
    this.forms = mapOf(entriesOf(fieldOf(dict, 'forms')), (form) => ({
      stortype: intOf(fieldOf(form, 'stortype')),
      runt: fieldOf(form, 'runt') === true,
      props: mapOf(entriesOf(fieldOf(form, 'props')), propOf),
    }))
    this.tagProps = mapOf(entriesOf(fieldOf(dict, 'tagprops')), propOf)
  }

  formStortype(form: string): number | undefined {
    return this.forms.get(form)?.stortype
  }

  propStortype(form: string, prop: string): number | undefined {
    return this.forms.get(form)?.props.get(prop)?.stortype
  }

  tagPropStortype(prop: string): number | undefined {
    return this.tagProps.get(prop)?.stortype
  }

  /** Tag props with their stortypes, sorted. */
  tagPropStortypes(): [prop: string, stortype: number][] {
    const found: [string, number][] = []
    for (const [prop, { stortype }] of this.tagProps) if (stortype !== undefined) found.push([prop, stortype])
    return found.sort(([a], [b]) => (a < b ? -1 : 1))
  }
}

export interface DictForm {
  readonly stortype: number | undefined
  readonly runt: boolean
  /** By relative name; universal props as `.seen`. */
  readonly props: ReadonlyMap<string, DictProp>
}

export interface DictProp {
  readonly stortype: number | undefined
  /** The definition from the Cortex: `type` is `[name, options]`; `doc`, `ro` and others are beside it. */
  readonly info: PackMap
}

function propOf(prop: Value): DictProp {
  return {
    stortype: intOf(fieldOf(prop, 'stortype')),
    info: prop instanceof PackMap ? prop : new PackMap([]),
  }
}

function intOf(value: Value | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined
}

function mapOf<T>(entries: [Value, Value][], make: (value: Value) => T): Map<string, T> {
  const made = new Map<string, T>()
  for (const [key, value] of entries) if (typeof key === 'string') made.set(key, make(value))
  return made
}

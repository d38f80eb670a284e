/** The stortypes that node edits need; the destination's model, or the dictionary that a running Cortex gives. */
export interface StortypeSource {
  /** Stortype of a form's value, undefined for an unknown form. */
  formStortype(form: string): number | undefined
  /** Stortype of a form's prop by its relative name; universal props (`.seen`) belong to every form. */
  propStortype(form: string, prop: string): number | undefined
  /** Stortype of a tag prop with its type options applied. */
  tagPropStortype(prop: string): number | undefined
}

/** Forms of older 0.1.x models, which their splices may still name. */
export const OLD_FORMS: ReadonlySet<string> = new Set([
  'seen',
  'source',
  'has',
  'refs',
  'wentto',
  'event',
  'cluster',
  'graph:link',
  'graph:timelink',
  'inet:whois:regmail',
  'inet:web:actref',
  'inet:web:postref',
  'file:ref',
])

/** Props of older 0.1.x models, with their form. */
export const OLD_PROPS: ReadonlySet<string> = new Set([
  'ou:org:disolved',
  ...['get', 'set', 'del'].flatMap((op) =>
    ['key', 'int', 'str', 'bytes'].map((part) => `it:exec:reg:${op}:reg:${part}`),
  ),
  'inet:fqdn:created',
  'inet:fqdn:expires',
  'inet:fqdn:updated',
])

/** A form's stortype and those of its props as far as they were asked for; -1: not in the model. */
interface FormEntry {
  readonly stortype: number
  readonly props: Map<string, number>
}

/** Remembers what a source of stortypes answered, as it is asked once per splice. -1 is "not in the model". */
export class StortypeCache {
  readonly #source: StortypeSource
  readonly #forms = new Map<string, FormEntry>()
  readonly #tagProps = new Map<string, number>()

  constructor(source: StortypeSource) {
    this.#source = source
  }

  form(form: string): number {
    return this.#form(form).stortype
  }

  prop(form: string, prop: string): number {
    const { props } = this.#form(form)
    let stortype = props.get(prop)
    if (stortype === undefined) {
      stortype = this.#source.propStortype(form, prop) ?? -1
      props.set(prop, stortype)
    }
    return stortype
  }

  tagProp(prop: string): number {
    let stortype = this.#tagProps.get(prop)
    if (stortype === undefined) {
      stortype = this.#source.tagPropStortype(prop) ?? -1
      this.#tagProps.set(prop, stortype)
    }
    return stortype
  }

  /** Forgets everything, after the model has changed. */
  clear(): void {
    this.#forms.clear()
    this.#tagProps.clear()
  }

  #form(form: string): FormEntry {
    let entry = this.#forms.get(form)
    if (entry === undefined) {
      entry = { stortype: this.#source.formStortype(form) ?? -1, props: new Map() }
      this.#forms.set(form, entry)
    }
    return entry
  }
}

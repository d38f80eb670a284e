import { RawStr, text } from '../bytes/msgpack.js'
import { SpanMap } from '../bytes/span-map.js'
import { bodyOf } from './msgpack-heads.js'

/** Maps forms and props of older models to their names of today. All values are msgpack. */
export interface OldNames {
  /** Whether ndefs of the form, or values of its props, may have changed. */
  isOld(form: string): boolean
  /** The ndef of today; null when it has not changed. */
  ndef(ndef: Uint8Array): Uint8Array | null
  /** Today's name and value of a prop; the form is given by its name of today. Null when they have not changed. */
  prop(
    form: string,
    name: string,
    valu: Uint8Array | null,
  ): { readonly name: Uint8Array; readonly valu: Uint8Array | null } | null
}

/** Where node edits get their stortypes: from the destination's model, or from the model of a running Cortex. */
export interface StortypeSource {
  /** Stortype of a form's value, undefined for an unknown form. */
  formStortype(form: string): number | undefined
  /** Stortype of a form's prop by its relative name; universal props (`.seen`) belong to every form. */
  propStortype(form: string, prop: string): number | undefined
  /** Stortype of a tag prop, with its type options applied. */
  tagPropStortype(prop: string): number | undefined
  /** With it, splices with names of older models become edits with today's names; without it they are failures. */
  readonly names?: OldNames
}

/** Forms of older 0.1.x models, which old splices may still name. */
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

/** What we know of a form; -1: not in the model. */
export interface FormEntry {
  readonly name: string
  readonly stortype: number
  /** Whether an older model had it under this name, or had other names in its values. */
  readonly isOld: boolean
  /** The props looked up so far, by their msgpack. */
  readonly props: SpanMap<number>
}

/**
 * Caches the answers of a source of stortypes, by the msgpack of names, because every splice asks. -1 means "not in the
 * model".
 */
export class StortypeCache {
  private readonly source: StortypeSource
  private forms = new SpanMap<FormEntry>()
  private tagProps = new SpanMap<number>()

  constructor(source: StortypeSource) {
    this.source = source
  }

  form(buf: Uint8Array, start: number, end: number): FormEntry {
    let entry = this.forms.get(buf, start, end)
    if (entry === undefined) {
      const name = nameOf(buf, start, end)
      entry = {
        name,
        stortype: this.source.formStortype(name) ?? -1,
        isOld: this.source.names?.isOld(name) ?? false,
        props: new SpanMap(),
      }
      this.forms.add(buf, start, end, entry)
    }
    return entry
  }

  prop(form: FormEntry, buf: Uint8Array, start: number, end: number): number {
    let stortype = form.props.get(buf, start, end)
    if (stortype === undefined) {
      stortype = this.source.propStortype(form.name, nameOf(buf, start, end)) ?? -1
      form.props.add(buf, start, end, stortype)
    }
    return stortype
  }

  tagProp(buf: Uint8Array, start: number, end: number): number {
    let stortype = this.tagProps.get(buf, start, end)
    if (stortype === undefined) {
      stortype = this.source.tagPropStortype(nameOf(buf, start, end)) ?? -1
      this.tagProps.add(buf, start, end, stortype)
    }
    return stortype
  }

  /** Forgets everything, after the model has changed. */
  clear(): void {
    this.forms = new SpanMap()
    this.tagProps = new SpanMap()
  }
}

/** The text whose msgpack is `buf[start, end)`. */
export function nameOf(buf: Uint8Array, start: number, end: number): string {
  const content = text(buf, bodyOf(buf, start), end)
  return content instanceof RawStr ? Buffer.from(content.bytes).toString('latin1') : content
}

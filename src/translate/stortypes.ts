import { RawStr, text } from '../bytes/msgpack.js'
import { SpanMap } from '../bytes/span-map.js'
import { bodyOf } from './msgpack-heads.js'

/** Forms and props of older models by the names that they have today. All values are msgpack. */
export interface OldNames {
  /** Whether ndefs of the form, or values of its props, may be others today. */
  isOld(form: string): boolean
  /** The ndef of today; null when it is the same. */
  ndef(ndef: Uint8Array): Uint8Array | null
  /** Name and value of today, of a prop of a form by its name of today; null when they are the same. */
  prop(
    form: string,
    name: string,
    valu: Uint8Array | null,
  ): { readonly name: Uint8Array; readonly valu: Uint8Array | null } | null
}

/** The stortypes that node edits need; the destination's model, or the dictionary that a running Cortex gives. */
export interface StortypeSource {
  /** Stortype of a form's value, undefined for an unknown form. */
  formStortype(form: string): number | undefined
  /** Stortype of a form's prop by its relative name; universal props (`.seen`) belong to every form. */
  propStortype(form: string, prop: string): number | undefined
  /** Stortype of a tag prop with its type options applied. */
  tagPropStortype(prop: string): number | undefined
  /** Splices in names of older models become edits in those of today; without it they are failures. */
  readonly names?: OldNames
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

/** What is known of a form; -1: not in the model. */
export interface FormEntry {
  readonly name: string
  readonly stortype: number
  /** Whether an older model had it under this name, or had other names in its values. */
  readonly isOld: boolean
  /** Of those props that were asked for, by their msgpack. */
  readonly props: SpanMap<number>
}

/** Remembers what a source of stortypes answered, by the msgpack of names: it is asked once per splice. -1 is "not in the model". */
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

/** The text whose msgpack is `buf[start, end)`, also as a key for look-ups. */
export function nameOf(buf: Uint8Array, start: number, end: number): string {
  const content = text(buf, bodyOf(buf, start), end)
  return content instanceof RawStr ? Buffer.from(content.bytes).toString('latin1') : content
}

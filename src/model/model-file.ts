import { parse as parseYaml } from 'yaml'
import * as z from 'zod'
import { fromJson, type Json } from '../bytes/value-json.js'
import { MigrationError } from '../errors.js'
import { plainOpts } from './opts.js'
import type { Opt, Opts } from './type.js'

/** Types, forms and properties that the core model lacks. docs/model-file.md describes the format. */
export interface ModelFile {
  readonly types: { readonly [name: string]: TypeDef }
  readonly forms: { readonly [name: string]: { readonly [prop: string]: TypeDefRef } }
  readonly univs: { readonly [name: string]: TypeDefRef }
  readonly tagProps: { readonly [name: string]: TypeDefRef }
  /** True when `model infer` made the file and nobody has confirmed it yet. */
  readonly proposed?: boolean
}

export interface TypeDef {
  /**
   * The type's Python class and its base classes, by name (see classOf()). Empty: the same as those of the type that it
   * extends.
   */
  readonly classes: readonly string[]
  readonly subof: string | null
  readonly opts: Opts
  readonly stortype: number | null
}

/** A type by name and the options that a property adds. */
export type TypeDefRef = readonly [string, Opts]

// Python accepts a list of pairs as a map, and the core model has empty lists.
const opts = z.union([z.record(z.string(), z.json()), z.array(z.tuple([z.string(), z.json()]))])
const prop = z.object({ typedef: z.tuple([z.string(), opts]), univ: z.boolean().optional() })
const type = z
  .object({
    ctor: z.string().optional(),
    ctors: z.array(z.string()).optional(),
    subof: z.string().nullish(),
    opts: opts.optional(),
    stortype: z.number().int().nullish(),
  })
  .refine(({ ctor, subof }) => ctor !== undefined || typeof subof === 'string', 'it has neither ctor nor subof')
const schema = z.object({
  proposed: z.boolean().optional(),
  types: z.record(z.string(), type).optional(),
  forms: z.record(z.string(), z.object({ props: z.record(z.string(), prop).optional() })).optional(),
  univs: z.record(z.string(), prop).optional(),
  tagprops: z.record(z.string(), prop).optional(),
})

/**
 * Reads the text of a model file, JSON or YAML.
 *
 * @param name what messages call the file
 * @throws {MigrationError} ERR_CONFIG
 */
export function parseModelFile(text: string, name: string): ModelFile {
  const parsed = schema.safeParse(parseText(text, name))
  if (!parsed.success) throw unreadable(name, z.prettifyError(parsed.error).replaceAll('\n', ' '))
  const { types = {}, forms = {}, univs = {}, tagprops = {}, proposed = false } = parsed.data
  return {
    ...(proposed && { proposed }),
    types: mapValues(types, (def) => ({
      classes: [...(def.ctor === undefined ? [] : [def.ctor]), ...(def.ctors ?? [])].map(classOf),
      subof: def.subof ?? null,
      opts: optsOf(def.opts ?? {}),
      stortype: def.stortype ?? null,
    })),
    forms: mapValues(forms, (form) => refsOf(form.props ?? {})),
    univs: refsOf(univs, true),
    tagProps: refsOf(tagprops),
  }
}

/** The inverse of parseModelFile(), as plain JSON. */
export function modelFileJson({ types, forms, univs, tagProps }: ModelFile): ModelDocument {
  const prop = ([type, opts]: TypeDefRef) => ({ typedef: [type, jsonOf(opts)] as const })
  return {
    types: mapValues(sorted(types), ({ classes: [ctor, ...behind], subof, opts, stortype }) => ({
      ...(ctor !== undefined && { ctor }),
      ...(behind.length > 0 && { ctors: [ctor, ...behind] }),
      subof,
      opts: jsonOf(opts),
      ...(stortype !== null && { stortype }),
    })),
    forms: mapValues(sorted(forms), (props) => ({ props: mapValues(sorted(props), prop) })),
    univs: mapValues(sorted(univs), prop),
    tagprops: mapValues(sorted(tagProps), prop),
  }
}

/** What a model file holds, as docs/model-file.md describes it. */
export interface ModelDocument {
  readonly types: { readonly [name: string]: object }
  readonly forms: { readonly [name: string]: { readonly props: { readonly [prop: string]: object } } }
  readonly univs: { readonly [name: string]: object }
  readonly tagprops: { readonly [name: string]: object }
}

/**
 * The name of a class from its Python path. We drop the module only if it is Synapse's, so that no custom class gets
 * the same name.
 */
export function classOf(path: string): string {
  return path.startsWith('synapse.') ? path.slice(path.lastIndexOf('.') + 1) : path
}

function parseText(text: string, name: string): unknown {
  try {
    return text.trimStart().startsWith('{') ? JSON.parse(text) : parseYaml(text)
  } catch (cause) {
    throw unreadable(name, (cause as Error).message, cause)
  }
}

/** The forms of an export repeat the universal properties, which the model adds on its own. */
function refsOf(props: Record<string, z.infer<typeof prop>>, univs = false): { [name: string]: TypeDefRef } {
  const own = Object.entries(props).filter(([, def]) => univs || def.univ !== true)
  return Object.fromEntries(own.map(([name, { typedef }]) => [name, [typedef[0], optsOf(typedef[1])] as const]))
}

/** Floats are already written the way value-json.ts writes them. */
function jsonOf(opt: Opt): Json {
  if (typeof opt === 'bigint') return { $i: String(opt) }
  if (Array.isArray(opt)) return opt.map(jsonOf)
  return opt === null || typeof opt !== 'object' ? opt : mapValues(opt as Opts, jsonOf)
}

function optsOf(json: unknown): Opts {
  return plainOpts(fromJson(json as Json))
}

function sorted<T>(record: { readonly [name: string]: T }): { [name: string]: T } {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function mapValues<A, B>(record: { readonly [name: string]: A }, convert: (value: A) => B): { [name: string]: B } {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, convert(value)]))
}

function unreadable(name: string, found: string, cause?: unknown): MigrationError {
  return new MigrationError('ERR_CONFIG', `Cannot read model file "${name}": ${found}`, {
    cause,
    hint: 'docs/model-file.md describes the format and how to export such a file',
  })
}

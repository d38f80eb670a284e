import { parse as parseYaml } from 'yaml'
import * as z from 'zod'
import { fromJson, type Json } from '../bytes/value-json.js'
import { MigrationError } from '../errors.js'
import { plainOpts } from './opts.js'
import type { Opts } from './type.js'

/** Types, forms and properties that the core model has not; docs/model-file.md is the format's description. */
export interface ModelFile {
  readonly types: { readonly [name: string]: TypeDef }
  readonly forms: { readonly [name: string]: { readonly [prop: string]: TypeDefRef } }
  readonly univs: { readonly [name: string]: TypeDefRef }
  readonly tagProps: { readonly [name: string]: TypeDefRef }
}

export interface TypeDef {
  /** Names of the type's Python class and of those behind it, without their modules. */
  readonly classes: readonly string[]
  readonly subof: string | null
  readonly opts: Opts
  readonly stortype: number | null
}

/** A type by name and the options that a property adds. */
export type TypeDefRef = readonly [string, Opts]

// Python takes a list of pairs for a map, and the core model has empty ones.
const opts = z.union([z.record(z.string(), z.json()), z.array(z.tuple([z.string(), z.json()]))])
const prop = z.object({ typedef: z.tuple([z.string(), opts]), univ: z.boolean().optional() })
const type = z.object({
  ctor: z.string(),
  ctors: z.array(z.string()).optional(),
  subof: z.string().nullish(),
  opts: opts.optional(),
  stortype: z.number().int().nullish(),
})
const schema = z.object({
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
  const { types = {}, forms = {}, univs = {}, tagprops = {} } = parsed.data
  return {
    types: mapValues(types, (def) => ({
      classes: [def.ctor, ...(def.ctors ?? [])].map((path) => path.slice(path.lastIndexOf('.') + 1)),
      subof: def.subof ?? null,
      opts: optsOf(def.opts ?? {}),
      stortype: def.stortype ?? null,
    })),
    forms: mapValues(forms, (form) => refsOf(form.props ?? {})),
    univs: refsOf(univs, true),
    tagProps: refsOf(tagprops),
  }
}

function parseText(text: string, name: string): unknown {
  try {
    return text.trimStart().startsWith('{') ? JSON.parse(text) : parseYaml(text)
  } catch (cause) {
    throw unreadable(name, (cause as Error).message, cause)
  }
}

/** The forms of an export repeat the universal properties, which the model adds by itself. */
function refsOf(props: Record<string, z.infer<typeof prop>>, univs = false): { [name: string]: TypeDefRef } {
  const own = Object.entries(props).filter(([, def]) => univs || def.univ !== true)
  return Object.fromEntries(own.map(([name, { typedef }]) => [name, [typedef[0], optsOf(typedef[1])] as const]))
}

function optsOf(json: unknown): Opts {
  return plainOpts(fromJson(json as Json))
}

function mapValues<A, B>(record: { [name: string]: A }, convert: (value: A) => B): { [name: string]: B } {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, convert(value)]))
}

function unreadable(name: string, found: string, cause?: unknown): MigrationError {
  return new MigrationError('ERR_CONFIG', `Cannot read model file "${name}": ${found}`, {
    cause,
    hint: 'docs/model-file.md describes the format and how to export such a file',
  })
}

import { parseDocument, stringify, type Tags } from 'yaml'
import { MigrationError } from '../errors.js'
import { readText } from '../file/read-text.js'

/** Synapse reads YAML 1.1, where `on` and `yes` are true. Its parser never accepted `y` and `n` as booleans, though. */
const OPTIONS = { version: '1.1', customTags: (tags: Tags) => tags.map(withoutLetters) } as const

export type YamlMap = Record<string, unknown>

/**
 * Reads a YAML file that holds a map. Operators leave empty files behind, so an empty file counts as an empty map.
 * Returns null when there is no such file.
 *
 * @throws {MigrationError} ERR_CONFIG when it is not YAML, or not a map
 */
export function readYamlFile(path: string): YamlMap | null {
  const text = readText(path)
  return text === null ? null : parseYaml(text, path)
}

/** @param path the file's path, for messages */
export function parseYaml(text: string, path: string): YamlMap {
  const doc = parseDocument(text, OPTIONS)
  const [error] = doc.errors
  if (error !== undefined) throw badYaml(path, error.message.split('\n')[0])
  const value = plainOf(doc, path)
  if (value === null || value === undefined) return {}
  if (typeof value !== 'object' || Array.isArray(value)) throw badYaml(path, 'it holds no map')
  return value as YamlMap
}

/** Aliases are resolved only here: they may lead nowhere, or expand without limit. */
function plainOf(doc: ReturnType<typeof parseDocument>, path: string): unknown {
  try {
    return doc.toJS()
  } catch (err) {
    throw badYaml(path, (err as Error).message)
  }
}

/** A YAML document in Synapse's style: block style, sorted keys, between `---` and `...`; `--- {}` when empty. */
export function yamlDocument(map: YamlMap): string {
  if (Object.keys(map).length === 0) return '--- {}\n...\n'
  const body = stringify(map, {
    ...OPTIONS,
    sortMapEntries: true,
    indentSeq: false,
    lineWidth: 0,
    aliasDuplicateObjects: false,
  })
  return `---\n${body}...\n`
}

function withoutLetters(tag: Tags[number]): Tags[number] {
  if (typeof tag === 'string' || tag.tag !== 'tag:yaml.org,2002:bool' || !('test' in tag)) return tag
  const { test } = tag
  if (test === undefined) return tag
  return { ...tag, test: new RegExp(`^(?=..)(?:${test.source})`) }
}

function badYaml(path: string, found: string): MigrationError {
  return new MigrationError('ERR_CONFIG', `Cannot read "${path}": ${found}`, {
    hint: 'correct the file; a 0.1.x Cortex could not start with it either',
  })
}

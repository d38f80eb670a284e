import { existsSync, readFileSync } from 'node:fs'
import { parseDocument, stringify } from 'yaml'
import { MigrationError } from '../errors.js'

/** Synapse reads YAML 1.1: `on`, `yes` and `0o17`-less octals mean there what they do not mean in 1.2. */
const VERSION = '1.1'

export type YamlMap = Record<string, unknown>

/**
 * Reads a YAML file that holds a map; an empty one counts as an empty map, as operators leave them behind.
 * Returns null when there is no such file.
 *
 * @throws {MigrationError} ERR_CONFIG when it is no YAML, or something else than a map
 */
export function readYamlFile(path: string): YamlMap | null {
  if (!existsSync(path)) return null
  const doc = parseDocument(readFileSync(path, 'utf8'), { version: VERSION })
  const [error] = doc.errors
  if (error !== undefined) throw badYaml(path, error.message.split('\n')[0])
  const value: unknown = doc.toJS()
  if (value === null || value === undefined) return {}
  if (typeof value !== 'object' || Array.isArray(value)) throw badYaml(path, 'it holds no map')
  return value as YamlMap
}

/** A YAML document as Synapse writes it: block style, sorted keys, between `---` and `...`; `--- {}` when empty. */
export function yamlDocument(map: YamlMap): string {
  if (Object.keys(map).length === 0) return '--- {}\n...\n'
  const body = stringify(map, {
    version: VERSION,
    sortMapEntries: true,
    indentSeq: false,
    lineWidth: 0,
    aliasDuplicateObjects: false,
  })
  return `---\n${body}...\n`
}

function badYaml(path: string, found: string): MigrationError {
  return new MigrationError('ERR_CONFIG', `Cannot read "${path}": ${found}`, {
    hint: 'correct the file; a 0.1.x Cortex could not start with it either',
  })
}

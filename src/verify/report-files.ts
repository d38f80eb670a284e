import { join } from 'node:path'
import { decodeOr, encode } from '../bytes/msgpack.js'
import { MigrationError } from '../errors.js'
import { cortexPaths } from '../layout/paths.js'
import { SOURCE_LAYER_VERSION } from '../layout/source-layer.js'
import { readYamlFile, type YamlMap } from '../slab/yaml-file.js'
import { DEST_VERSION, LAYER_STEPS, MIGR_OPS, type MigrOp } from '../step/context.js'
import type { CellDifference } from './cell-rows.js'
import type { LayerFacts } from './layer-records.js'

/** Steps that leave no trace of having run. */
const TRACELESS: readonly MigrOp[] = ['dirn', 'hivestor']

export interface ReportFilesOptions {
  readonly destDir: string
  /** Rows of the migration log by key, which is `step NUL type NUL key` as latin1. */
  readonly log: ReadonlyMap<string, Uint8Array>
  readonly layers: readonly LayerFacts[]
}

/** Compares `migration/lyroffs.yaml`, where a sync starts, with the offsets of the source. */
export function offsetsDifferences({ destDir, log, layers }: ReportFilesOptions): CellDifference[] {
  const expected = new Map<string, unknown>()
  for (const { iden, nextOffset, withNodes } of layers) {
    if (!withNodes) continue
    const created = createdOf(log.get(`nodes\0nextoffs\0${iden}`))
    expected.set(iden, { nextoffs: nextOffset, ...(created === null ? {} : { created }) })
  }
  return fileDifferences(destDir, 'lyroffs.yaml', (found) => {
    const differences: RowDifference[] = []
    for (const [iden, wanted] of expected) {
      const entry = found[iden]
      if (entry === undefined) differences.push(['missing', `layer ${iden}`, wanted, undefined])
      else if (!isSame(wanted, onlyOf(entry, wanted))) differences.push(['different', `layer ${iden}`, wanted, entry])
    }
    for (const [iden, entry] of Object.entries(found))
      if (!expected.has(iden)) differences.push(['extra', `layer ${iden}`, undefined, entry])
    return differences
  })
}

/**
 * Compares `migration/migrvers.yaml` with the versions of the source, and with the steps that ran.
 *
 * @param done steps that the migration log or a checkpoint records as done
 */
export function versionsDifferences(
  { destDir, log, layers }: ReportFilesOptions,
  done: ReadonlySet<MigrOp>,
): CellDifference[] {
  const source = log.get('chkvalid\0vers\0src:cortex')
  const models = layers.filter(({ withNodes }) => withNodes).map(({ iden }) => [iden, [...SOURCE_LAYER_VERSION]])
  return fileDifferences(destDir, 'migrvers.yaml', (found) => {
    const there = (found['dest:cortex'] ?? {}) as YamlMap
    // Layer steps leave no trace either when `--skip-layer` left out every layer.
    const traceless: readonly MigrOp[] = layers.length > 0 ? TRACELESS : [...TRACELESS, ...LAYER_STEPS]
    const steps = MIGR_OPS.filter((op) => done.has(op) || (traceless.includes(op) && op in Object(there)))
    const expected: YamlMap = {
      'src:cortex': source === undefined ? found['src:cortex'] : (decodeOr(null, source) as unknown),
      'src:model': Object.fromEntries(models),
      'dest:cortex': Object.fromEntries(steps.map((op) => [op, [...DEST_VERSION]])),
    }
    return [...new Set([...Object.keys(expected), ...Object.keys(found)])]
      .filter((name) => !isSame(expected[name], found[name]))
      .map((name): RowDifference => {
        const kind = !(name in found) ? 'missing' : name in expected ? 'different' : 'extra'
        return [kind, name, expected[name], found[name]]
      })
  })
}

type RowDifference = readonly [kind: CellDifference['kind'], row: string, expected: unknown, found: unknown]

function fileDifferences(
  destDir: string,
  name: string,
  compare: (found: YamlMap) => readonly RowDifference[],
): CellDifference[] {
  const place = `migration/${name}`
  const differs = (
    kind: CellDifference['kind'],
    row: string,
    expected: unknown = undefined,
    found: unknown = undefined,
  ) => {
    return { kind, place, buid: null, row, expected: packed(expected), found: packed(found) }
  }
  let found: YamlMap | null
  try {
    found = readYamlFile(join(cortexPaths(destDir).migration.dir, name))
  } catch (error) {
    if (!(error instanceof MigrationError)) throw error
    return [differs('different', error.message)]
  }
  return found === null ? [differs('missing', 'the file')] : compare(found).map((row) => differs(...row))
}

/** When the migration recorded the offset. */
function createdOf(row: Uint8Array | undefined): number | null {
  const value = row === undefined ? null : decodeOr(null, row)
  return Array.isArray(value) && typeof value[1] === 'number' ? value[1] : null
}

/** The known fields of an entry, and any others except `created`. */
function onlyOf(entry: unknown, wanted: unknown): unknown {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return entry
  const fields = Object.entries(entry).filter(([name]) => name !== 'created' || 'created' in Object(wanted))
  return Object.fromEntries(fields)
}

function isSame(left: unknown, right: unknown): boolean {
  return canonical(left) === canonical(right)
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )
}

/** YAML as a value of the report. */
function packed(value: unknown): Uint8Array | null {
  return value === undefined ? null : encode(canonical(value))
}

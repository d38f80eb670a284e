import { join } from 'node:path'
import type { Value } from '../bytes/msgpack.js'
import { MigrationError } from '../errors.js'
import { cortexPaths } from '../layout/paths.js'
import { writeWhole } from '../slab/write-whole.js'
import { readYamlFile, type YamlMap, yamlDocument } from '../slab/yaml-file.js'
import { DEST_VERSION, type MigrOp, type StepContext } from './context.js'

type ReportContext = Pick<StepContext, 'destDir' | 'ops' | 'migrlog' | 'log'>

/**
 * Writes `migration/lyroffs.yaml`, where the sync service starts: layer iden ->
 * `{created: ms, nextoffs: the first splice that is not in the migrated nodes}`.
 *
 * @param isWhole whether a layer's nodes are all there: a run may leave one for later, or skip it
 */
export function writeOffsets({ destDir, migrlog, log }: ReportContext, isWhole = everyLayer): void {
  const offsets: YamlMap = {}
  for (const { key, val } of migrlog.records('nodes', 'nextoffs')) {
    if (!isWhole(String(key))) continue
    const [nextoffs, created] = val as Value[]
    offsets[String(key)] = { nextoffs, created }
  }
  const path = join(cortexPaths(destDir).migration.dir, 'lyroffs.yaml')
  writeWhole(path, yamlDocument(offsets))
  log('INFO', `Saved layer offsets to ${path}`)
}

/**
 * Writes `migration/migrvers.yaml`: the versions of the source, and for each step the version of the last run that did
 * it.
 *
 * @param isWhole as for `writeOffsets()`
 */
export function writeVersions({ destDir, ops, migrlog, log }: ReportContext, isWhole = everyLayer): void {
  const path = join(cortexPaths(destDir).migration.dir, 'migrvers.yaml')
  const before = readVersions(path)
  const models = [
    ...Object.entries((before['src:model'] ?? {}) as YamlMap),
    ...[...migrlog.records('nodes', 'vers')].map(({ key, val }) => [String(key), val] as const),
  ].filter(([iden]) => isWhole(iden))
  const steps = [...ops].map((op: MigrOp) => [op, [...DEST_VERSION]])
  const versions: YamlMap = {
    'src:cortex': migrlog.get('chkvalid', 'vers', 'src:cortex') ?? null,
    'src:model': Object.fromEntries(models),
    'dest:cortex': { ...(before['dest:cortex'] as YamlMap), ...Object.fromEntries(steps) },
  }
  writeWhole(path, yamlDocument(versions))
  log('INFO', `Saved migration versions to ${path}`)
}

function everyLayer(_iden: string): boolean {
  return true
}

/** If the file is damaged, we only lose the notes of earlier runs. */
function readVersions(path: string): YamlMap {
  try {
    return readYamlFile(path) ?? {}
  } catch (error) {
    if (error instanceof MigrationError) return {}
    throw error
  }
}

import { rmSync } from 'node:fs'
import { PackMap, pyEquals } from '../bytes/msgpack.js'
import type { Checkpoints } from '../dest/checkpoints.js'
import type { LogRecord, MigrationLog } from '../dest/migration-log.js'
import { DEST_LAYER_SLABS } from '../layout/dest-dbs.js'
import { cortexPaths } from '../layout/paths.js'
import { LAYER_STEPS } from '../step/context.js'

/** What the migration log says about a layer apart from errors. */
const LAYER_RECORDS = ['stat', 'chkpnt', 'prog', 'vers', 'nextoffs']

/**
 * Removes what earlier runs left of layers that this run skips: half of a layer is worse than none, and a sync would
 * start behind nodes that are not there.
 */
export function emptySkipped(
  destDir: string,
  layers: readonly string[],
  stores: { readonly log: MigrationLog; readonly checkpoints: Checkpoints },
): void {
  for (const iden of layers) {
    forget(iden, stores)
    const { layer, migration } = cortexPaths(destDir)
    const slabs = DEST_LAYER_SLABS.map((slab) => layer(iden).slab(slab))
    for (const dir of [migration.buildOf(iden), migration.runsOf(iden), ...slabs])
      rmSync(dir, { recursive: true, force: true })
  }
}

function forget(iden: string, { log, checkpoints }: Parameters<typeof emptySkipped>[2]): void {
  const isOfLayer = ({ key }: LogRecord) => key === iden || (typeof key === 'string' && key.startsWith(`${iden}:`))
  const isErrorOf = (record: LogRecord) =>
    isOfLayer(record) || (record.val instanceof PackMap && pyEquals(record.val.get('layer') ?? null, iden))
  // The checkpoints go first: they vouch for the rest.
  for (const step of [...LAYER_STEPS, 'nexus']) checkpoints.clear(`${step}/${iden}`)
  for (const step of LAYER_STEPS) {
    for (const type of LAYER_RECORDS) log.clear(step, type, isOfLayer)
    if (step === 'splices') log.clear(step, 'error', isErrorOf)
    else {
      const keys = [...log.records(step, 'error')].flatMap(({ key }) => (typeof key === 'string' ? [] : [key]))
      log.replaceErrors(iden, [step], keys, [])
    }
  }
}

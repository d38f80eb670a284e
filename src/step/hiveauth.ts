import { join } from 'node:path'
import { encode, PackMap } from '../bytes/msgpack.js'
import { type DestQueues, packQueue } from '../dest/dest-queues.js'
import { type LogRecord, MIGRATION_DIR } from '../dest/migration-log.js'
import { pyRepr } from '../python/repr.js'
import { writeWhole } from '../slab/write-whole.js'
import { translateAuth } from '../translate/auth.js'
import { recordProgress, type StepContext } from './context.js'

/**
 * Step `hiveauth`: users, roles, rules, and the gates of layers, views, triggers, queues and cron jobs. Returns how many
 * errors there were: queues that get no gate, as nobody owns them.
 */
export function migrateHiveAuth(context: StepContext, destQueues: DestQueues): number {
  const { cell, migrlog, log } = context
  const owned: [string, string][] = []
  const errors: LogRecord[] = []
  for (const queue of destQueues.list()) {
    const owner = queue.meta instanceof PackMap ? (queue.meta.get('user') ?? null) : null
    if (typeof owner === 'string') {
      owned.push([queue.name, owner])
      continue
    }
    const val = new PackMap([
      ['err', 'Missing iden values for queue'],
      ['queue', packQueue(queue)],
    ])
    log('WARNING', pyRepr(val))
    errors.push({ migrop: 'hiveauth', logtyp: 'error', key: `queue:${queue.name}`, val })
  }
  migrlog.clear('hiveauth', 'error')
  migrlog.put(...errors)
  log('INFO', `Found ${owned.length} queues to migrate to AuthGates`)
  const { warnings, hierarchy } = translateAuth(cell.hive, { queues: owned, cellGuid: cell.guid })
  for (const warning of warnings) log('WARNING', warning)
  cell.commit()
  const path = join(context.destDir, MIGRATION_DIR, `authhier_${context.now()}.mpk`)
  writeWhole(path, encode(hierarchy))
  log('INFO', `Saved msgpackd user hierarchy to ${path}`)
  log('INFO', 'Completed HiveAuth migration')
  recordProgress(context, 'hiveauth')
  return errors.length
}

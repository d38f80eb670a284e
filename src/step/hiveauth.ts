import { join } from 'node:path'
import { encode, PackMap } from '../bytes/msgpack.js'
import { packQueue } from '../dest/dest-queues.js'
import type { LogRecord } from '../dest/migration-log.js'
import { cellError } from '../layout/error-record.js'
import { cortexPaths } from '../layout/paths.js'
import { pyRepr } from '../python/repr.js'
import { translateAuth } from '../translate/auth.js'
import type { StepContext } from './context.js'
import type { Step } from './step.js'

/**
 * Step `hiveauth`: users, roles, rules, and the gates of layers, views, triggers, queues and cron jobs. A queue without
 * an owner gets no gate, which is an error.
 */
export const hiveauth: Step = { name: 'hiveauth', run: migrateHiveAuth }

async function migrateHiveAuth(context: StepContext): Promise<number> {
  const { cell, migrlog, log } = context
  const owned: [string, string][] = []
  const errors: LogRecord[] = []
  for (const queue of (await context.queues()).list()) {
    const owner = queue.meta instanceof PackMap ? (queue.meta.get('user') ?? null) : null
    if (typeof owner === 'string') {
      owned.push([queue.name, owner])
      continue
    }
    const val = cellError('OWNER', 'Missing iden values for queue', [['queue', packQueue(queue)]])
    log('WARNING', pyRepr(val))
    errors.push({ migrop: 'hiveauth', logtyp: 'error', key: `queue:${queue.name}`, val })
  }
  migrlog.clear('hiveauth', 'error')
  migrlog.put(...errors)
  log('INFO', `Found ${owned.length} queues to migrate to AuthGates`)
  const { warnings, hierarchy } = translateAuth(cell.hive, { queues: owned, cellGuid: cell.guid })
  for (const warning of warnings) log('WARNING', warning)
  cell.commit()
  const path = join(cortexPaths(context.destDir).migration.dir, `authhier_${context.now()}.mpk`)
  context.files.write(path, encode(hierarchy))
  log('INFO', `Saved msgpackd user hierarchy to ${path}`)
  log('INFO', 'Completed HiveAuth migration')
  return errors.length
}

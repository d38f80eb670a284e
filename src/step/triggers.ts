import { decodeOr } from '../bytes/msgpack.js'
import type { LogRecord } from '../dest/migration-log.js'
import { pyRepr } from '../python/repr.js'
import { translateTrigger } from '../translate/triggers.js'
import type { StepContext } from './context.js'
import type { Step } from './step.js'

/** Step `triggers`: moves triggers to their views. One that it cannot move stays, and is recorded as an error. */
export const triggers: Step = { name: 'triggers', run: migrateTriggers }

function migrateTriggers(context: StepContext): number {
  const { cell, migrlog, log } = context
  const { hive } = cell
  const views = new Set(hive.children(['cortex', 'views']))
  const lookup = {
    defaultView: hive.getText(['cellinfo', 'defaultview']),
    cellGuid: cell.guid,
    hasView: (iden: string) => views.has(iden),
  }
  const moved: Uint8Array[] = []
  const errors: LogRecord[] = []
  const rows = [...cell.triggers.rows()]
  for (const { key, value } of rows) {
    // A damaged rule is reported as raw bytes.
    const outcome = translateTrigger(Buffer.from(key).toString('latin1'), decodeOr(value, value), lookup)
    if ('fail' in outcome) {
      log('WARNING', pyRepr(outcome.fail.val))
      errors.push({ migrop: 'triggers', logtyp: 'error', key: outcome.fail.key, val: outcome.fail.val })
      continue
    }
    const { viewIden, iden, tdef } = outcome.ok
    hive.set(['cortex', 'views', viewIden, 'triggers', iden], tdef)
    moved.push(key)
  }
  cell.commit(() => {
    for (const key of moved) cell.triggers.delete(key)
  })
  migrlog.clear('triggers', 'error')
  migrlog.put(...errors, {
    migrop: 'triggers',
    logtyp: 'stat',
    key: 'tottriggers',
    val: [rows.length, moved.length],
  })
  log('INFO', `Completed trigger migration for ${moved.length} of ${rows.length}`)
  return errors.length
}

import { DestCell } from '../dest/dest-cell.js'
import { DestQueues } from '../dest/dest-queues.js'
import { migrateCell, recordSourceVersion } from './cell.js'
import { recordProgress, type StepContext } from './context.js'
import { migrateCron } from './cron.js'
import { migrateHiveAuth } from './hiveauth.js'
import { migrateHiveLayers } from './hivelyr.js'
import { migrateQueues } from './queues.js'
import { migrateTriggers } from './triggers.js'

export interface CellStepOptions extends Omit<StepContext, 'cell'> {
  /** What is wrong with the extended model, as `ext prop (inet:fqdn:_x) error: …`. */
  readonly modelWarnings: readonly string[]
  readonly destDedicated: boolean
}

/**
 * Runs those of the steps cell, dmodel, hivelyr, triggers, cron, hiveauth and queues that are asked for, in this order, on
 * a destination that step dirn has made. Each commits on its own and may be run again. Returns how many errors they
 * recorded.
 */
export async function runCellSteps(options: CellStepOptions): Promise<number> {
  let errorCount = 0
  const { ops, destDir, log } = options
  const cell = await DestCell.open(destDir)
  const context: StepContext = { ...options, cell }
  try {
    recordSourceVersion(context)
    if (ops.has('cell')) migrateCell(context)
    if (ops.has('dmodel')) {
      for (const warning of options.modelWarnings) log('WARNING', warning)
      log('INFO', 'Completed datamodel migration')
      recordProgress(context, 'dmodel')
    }
    if (ops.has('hivelyr')) migrateHiveLayers(context, options)
    if (ops.has('triggers')) errorCount += migrateTriggers(context)
    if (ops.has('cron')) migrateCron(context)
    if (ops.has('hiveauth') || ops.has('queues')) errorCount += await runQueueSteps(context)
    return errorCount
  } finally {
    await cell.close()
  }
}

async function runQueueSteps(context: StepContext): Promise<number> {
  const queues = await DestQueues.open(context.destDir)
  try {
    const errorCount = context.ops.has('hiveauth') ? migrateHiveAuth(context, queues) : 0
    if (context.ops.has('queues')) migrateQueues(queues)
    return errorCount
  } finally {
    await queues.close()
  }
}

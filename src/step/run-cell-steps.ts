import { cellFiles } from '../dest/cell-files.js'
import { DestCell } from '../dest/dest-cell.js'
import { DestQueues } from '../dest/dest-queues.js'
import { recordSourceVersion } from './cell.js'
import type { StepContext } from './context.js'
import type { Step } from './step.js'
import { CELL_STEPS } from './steps.js'

export type CellStepOptions = Omit<StepContext, 'cell' | 'queues' | 'files'>

/**
 * Runs the requested cell steps in order on a destination made by step dirn, and records each in the migration log.
 * Each step commits on its own and may run again. Returns how many errors they recorded.
 */
export async function runCellSteps(options: CellStepOptions): Promise<number> {
  const cell = await DestCell.open(options.destDir)
  let opened: DestQueues | null = null
  const queues = async () => {
    opened ??= await DestQueues.open(options.destDir)
    return opened
  }
  try {
    return await runSteps({ ...options, cell, queues, files: cellFiles })
  } finally {
    await (opened as DestQueues | null)?.close()
    await cell.close()
  }
}

/** Runs the steps in `context.ops`. */
export async function runSteps(context: StepContext): Promise<number> {
  recordSourceVersion(context)
  let errorCount = 0
  for (const step of Object.values<Step>(CELL_STEPS)) {
    if (!context.ops.has(step.name)) continue
    errorCount += await step.run(context)
    recordProgress(context, step)
  }
  return errorCount
}

function recordProgress(context: StepContext, { name, progressKeys = () => ['none'] }: Step): void {
  const { migrlog, now } = context
  migrlog.put(...progressKeys(context).map((key) => ({ migrop: name, logtyp: 'prog', key, val: now() })))
}

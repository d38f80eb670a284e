import { DestCell } from '../dest/dest-cell.js'
import { DestQueues } from '../dest/dest-queues.js'
import { recordSourceVersion } from './cell.js'
import type { StepContext } from './context.js'
import type { Step } from './step.js'
import { CELL_STEPS } from './steps.js'

export type CellStepOptions = Omit<StepContext, 'cell' | 'queues'>

/**
 * Runs those of the cell steps that are asked for, in their order, on a destination that step dirn has made, and notes in
 * the migration log that each is done. Each commits on its own and may be run again. Returns how many errors they
 * recorded.
 */
export async function runCellSteps(options: CellStepOptions): Promise<number> {
  const cell = await DestCell.open(options.destDir)
  let opened: DestQueues | null = null
  const queues = async () => {
    opened ??= await DestQueues.open(options.destDir)
    return opened
  }
  const context: StepContext = { ...options, cell, queues }
  try {
    recordSourceVersion(context)
    let errorCount = 0
    for (const step of Object.values<Step>(CELL_STEPS)) {
      if (!context.ops.has(step.name)) continue
      errorCount += await step.run(context)
      recordProgress(context, step)
    }
    return errorCount
  } finally {
    await (opened as DestQueues | null)?.close()
    await cell.close()
  }
}

function recordProgress(context: StepContext, { name, progressKeys = () => ['none'] }: Step): void {
  const { migrlog, now } = context
  migrlog.put(...progressKeys(context).map((key) => ({ migrop: name, logtyp: 'prog', key, val: now() })))
}

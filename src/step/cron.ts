import { translateCron } from '../translate/cron.js'
import type { StepContext } from './context.js'
import type { Step } from './step.js'

/** Step `cron`: names the creator of every cron job. */
export const cron: Step = { name: 'cron', run: nameCreators }

function nameCreators({ cell, log }: StepContext): number {
  const { hive } = cell
  for (const iden of hive.children(['agenda', 'appts'])) {
    const path = ['agenda', 'appts', iden]
    const job = hive.get(path)
    if (job !== undefined) hive.set(path, translateCron(job))
  }
  cell.commit()
  log('INFO', 'Completed Cron migration')
  return 0
}

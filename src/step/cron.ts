import { translateCron } from '../translate/cron.js'
import { recordProgress, type StepContext } from './context.js'

/** Step `cron`: names the creator of every cron job. */
export function migrateCron(context: StepContext): void {
  const { hive } = context.cell
  for (const iden of hive.children(['agenda', 'appts'])) {
    const path = ['agenda', 'appts', iden]
    const job = hive.get(path)
    if (job !== undefined) hive.set(path, translateCron(job))
  }
  context.cell.commit()
  context.log('INFO', 'Completed Cron migration')
  recordProgress(context, 'cron')
}

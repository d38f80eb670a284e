import { type Check, warning } from '../check.js'

/** hiveauth makes gates for the results of other steps. */
export const stepOrder: Check = ({ options: { ops } }) => {
  const before = ['triggers', 'cron', 'queues'].filter((op) => !ops.has(op))
  if (!ops.has('hiveauth') || !ops.has('dirn') || before.length === 0) return []
  const text = `hiveauth makes the gates of what is migrated already, and ${before.join(', ')} will not be`
  return [warning(text, 'Run hiveauth again after them')]
}

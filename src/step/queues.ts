import type { DestQueues } from '../dest/dest-queues.js'

/** Step `queues`: every queue keeps its items. */
export function migrateQueues(queues: DestQueues): void {
  queues.number()
}

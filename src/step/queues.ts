import type { StepContext } from './context.js'
import type { Step } from './step.js'

/** Step `queues`: every queue keeps its number, and with it its items. */
export const queues: Step = { name: 'queues', run: numberQueues }

async function numberQueues({ queues }: StepContext): Promise<number> {
  ;(await queues()).number()
  return 0
}

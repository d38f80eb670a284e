import type { StepContext } from './context.js'
import type { Step } from './step.js'

/** Step `dmodel`: reports problems of the extended model and changes nothing. */
export const dmodel: Step = { name: 'dmodel', run: reportModel }

function reportModel({ modelWarnings, log }: StepContext): number {
  for (const warning of modelWarnings) log('WARNING', warning)
  log('INFO', 'Completed datamodel migration')
  return 0
}

import type { MigrOp, StepContext } from './context.js'

/** A step for the whole Cortex: a file in this folder and a row in `steps.ts`. */
export interface Step {
  readonly name: MigrOp
  /** Does the step and commits it; may run again. Returns how many errors it recorded. */
  run(context: StepContext): number | Promise<number>
  /**
   * The keys under which the migration log records that the step is done. Default: `none`, for a step without layers.
   */
  progressKeys?(context: Pick<StepContext, 'cell' | 'layers'>): readonly string[]
}

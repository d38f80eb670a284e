import type { MigrOp, StepContext } from './context.js'

/** A step that concerns the whole Cortex: a file each in this folder, a row each in `steps.ts`. */
export interface Step {
  readonly name: MigrOp
  /** Does it and commits it; may be run again. Returns how many errors it recorded. */
  run(context: StepContext): number | Promise<number>
  /** Under what keys the migration log notes that it is done; `none` for a step that has nothing to do with single layers. */
  progressKeys?(context: Pick<StepContext, 'cell' | 'layers'>): readonly string[]
}

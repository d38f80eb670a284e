import { cell } from './cell.js'
import type { MigrOp } from './context.js'
import { cron } from './cron.js'
import { dmodel } from './dmodel.js'
import { hiveauth } from './hiveauth.js'
import { hivelyr } from './hivelyr.js'
import { queues } from './queues.js'
import type { Step } from './step.js'
import { triggers } from './triggers.js'

/** Steps that work on the destination's cell: all except the copy of the directory and the layer steps. */
export type CellOp = Exclude<MigrOp, 'dirn' | 'hivestor' | 'nodes' | 'nodedata' | 'splices'>

/** Every cell step, in order. */
export const CELL_STEPS = { cell, dmodel, hivelyr, triggers, cron, hiveauth, queues } satisfies Record<CellOp, Step>

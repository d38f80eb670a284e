import type { LAYER_STEPS } from '../step/context.js'
import type { LayerWork } from './layer-step.js'
import { migrateNodes } from './nodes-step.js'
import { migrateSplices } from './splices-step.js'

/** What does each step of a layer. */
export const LAYER_WORKS = {
  nodes: migrateNodes,
  // Their data lies beside the nodes, and is read along with them.
  nodedata: migrateNodes,
  splices: migrateSplices,
} as const satisfies Record<(typeof LAYER_STEPS)[number], LayerWork>

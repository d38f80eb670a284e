import type { LAYER_STEPS } from '../step/context.js'
import type { LayerWork } from './layer-step.js'
import { migrateNodes } from './nodes-step.js'
import { migrateSplices } from './splices-step.js'

/** The function for each layer step. */
export const LAYER_WORKS = {
  nodes: migrateNodes,
  // Node data is read along with the nodes.
  nodedata: migrateNodes,
  splices: migrateSplices,
} as const satisfies Record<(typeof LAYER_STEPS)[number], LayerWork>

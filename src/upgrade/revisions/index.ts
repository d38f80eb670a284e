import type { LayerRevision } from '../revision.js'
import { v0_1_0 } from './v0_1_0.js'
import { v0_1_1 } from './v0_1_1.js'
import { v0_1_3 } from './v0_1_3.js'

/** Every revision that changes rows, oldest first. 0.0.0 and 0.1.2 change none. */
export const REVISIONS: readonly LayerRevision[] = [v0_1_0, v0_1_1, v0_1_3]

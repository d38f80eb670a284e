import { type CortexReport, inspectCortex } from '../inspect/inspect-cortex.js'

export interface InspectInput {
  /** Whether to count nodes, which means to read all their rows; true by default. */
  readonly countNodes?: boolean
}

/**
 * Describes a 0.1.x or 2.x Cortex directory. The Cortex may be running. Writes nothing.
 *
 * @throws {MigrationError} when it is not a Cortex directory
 */
export async function inspect(dir: string, { countNodes = true }: InspectInput = {}): Promise<CortexReport> {
  return inspectCortex(dir, { countNodes, progress: () => {} })
}

import { type CortexReport, inspectCortex } from '../inspect/inspect-cortex.js'

export interface InspectInput {
  /** Whether to count nodes, for which all their rows are read; true by default. */
  readonly countNodes?: boolean
}

/**
 * Says what is in a Cortex directory, of 0.1.x or 2.x; the Cortex may be running. Writes nothing.
 *
 * @throws {MigrationError} when it is no Cortex directory
 */
export async function inspect(dir: string, { countNodes = true }: InspectInput = {}): Promise<CortexReport> {
  return inspectCortex(dir, { countNodes, progress: () => {} })
}

import { destState } from '../../inspect/dest-state.js'
import { type Check, type Facts, problem } from '../check.js'

/** We cannot read layers that are in another Cortex. Checks the hive that the steps will work on. */
export const remoteLayers: Check = (facts) =>
  remoteOf(facts)
    .filter((iden) => !facts.options.skipLayers.includes(iden))
    .map((iden) =>
      problem(
        `${iden} is a remote layer - it must be unconfigured to proceed with migration`,
        `Remove layer ${iden} from its views in the 0.1.x Cortex, or migrate the Cortex that it lives in`,
      ),
    )

/** Step `dirn` copies the source's hive. Without it, the destination keeps its own. */
function remoteOf({ source, options: { ops, destDir } }: Facts): readonly string[] {
  if (ops.has('dirn')) return source.remote
  const state = destState(destDir)
  return state.kind === 'cortex' ? state.remote : source.remote
}

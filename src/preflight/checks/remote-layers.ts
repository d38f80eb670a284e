import { destState } from '../../inspect/dest-state.js'
import { type Check, type Facts, problem } from '../check.js'

/** What lives in another Cortex cannot be read here. The hive that counts is the one that the steps work on. */
export const remoteLayers: Check = (facts) =>
  remoteOf(facts)
    .filter((iden) => !facts.options.skipLayers.includes(iden))
    .map((iden) =>
      problem(
        `${iden} is a remote layer - it must be unconfigured to proceed with migration`,
        `Remove layer ${iden} from its views in the 0.1.x Cortex, or migrate the Cortex that it lives in`,
      ),
    )

/** Step `dirn` copies the source's hive; without it the destination's stays. */
function remoteOf({ source, options: { ops, destDir } }: Facts): readonly string[] {
  if (ops.has('dirn')) return source.remote
  const state = destState(destDir)
  return state.kind === 'cortex' ? state.remote : source.remote
}

import { type Check, problem } from '../check.js'

/** What lives in another Cortex cannot be read here. */
export const remoteLayers: Check = ({ source: { remote }, options: { skipLayers } }) =>
  remote
    .filter((iden) => !skipLayers.includes(iden))
    .map((iden) =>
      problem(
        `${iden} is a remote layer - it must be unconfigured to proceed with migration`,
        `Remove layer ${iden} from its views in the 0.1.x Cortex, or migrate the Cortex that it lives in`,
      ),
    )

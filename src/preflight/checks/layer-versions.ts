import { cortexPaths } from '../../layout/paths.js'
import { compareVersions, showVersion, type Version, versionOf } from '../../slab/version.js'
import { type Check, type Finding, problem } from '../check.js'

/** The layout of a 0.1.x layer that can be migrated, its last one. */
const LAYER_VERSION: Version = [0, 1, 3]
const NO_VERSION: Version = [-1, -1, -1]

/** Every layer must have its slab, in the last layout of 0.1.x. */
export const layerVersions: Check = ({ source, layerFacts }) => {
  const found: Finding[] = []
  for (const [{ iden }, { hasLayerSlab, modelVersion }] of layerFacts) {
    if (!hasLayerSlab) {
      const path = cortexPaths(source.dir).layer(iden).slab('layer')
      const text = `Cannot migrate layer ${iden}: there is no ${path}/data.mdb`
      const hint = `Restore it from a backup; if the layer never held anything, start and stop the 0.1.x Cortex once, or add --skip-layer ${iden}`
      found.push(problem(text, hint))
      continue
    }
    const version = versionOf(modelVersion ?? undefined) ?? NO_VERSION
    if (compareVersions(version, LAYER_VERSION) === 0) continue
    const start = 'tart and stop the Cortex once with Synapse 0.1.58, which brings its layers up to date'
    found.push(
      problem(
        `Layer ${iden} model version must be at latest 01x vers: ${showVersion(version)} != ${showVersion(LAYER_VERSION)}`,
        modelVersion === null ? `The layer has no version yet: s${start}` : `S${start}`,
      ),
    )
  }
  return found
}

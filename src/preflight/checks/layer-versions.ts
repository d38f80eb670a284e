import { cortexPaths } from '../../layout/paths.js'
import { SOURCE_LAYER_VERSION } from '../../layout/source-layer.js'
import { compareVersions, layerVersionOf, showVersion } from '../../slab/version.js'
import { type Check, type Finding, problem } from '../check.js'

/** Every layer must have its slab, in a layout of 0.1.x. */
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
    const version = layerVersionOf(modelVersion)
    // An older layer is upgraded first, as 0.1.58 would.
    if (compareVersions(version, SOURCE_LAYER_VERSION) <= 0) continue
    const text = `Layer ${iden} model version must be at latest 01x vers: ${showVersion(version)} != ${showVersion(SOURCE_LAYER_VERSION)}`
    found.push(problem(text, 'A release after 0.1.58 wrote this layer: make sure that --src is the 0.1.x Cortex'))
  }
  return found
}

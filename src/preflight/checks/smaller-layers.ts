import { type Check, type Finding, warning } from '../check.js'

/** What a layer lacks, or has although 2.x has no place for it. */
export const smallerLayers: Check = ({ layerFacts }) => {
  const found: Finding[] = []
  for (const [{ iden }, { hasLayerSlab, hasNodeData, nextSplice, feedOffsets }] of layerFacts) {
    if (!hasLayerSlab) continue
    const text = `Layer ${iden} has no slab`
    if (!hasNodeData) {
      found.push(warning(`${text} nodedata.lmdb: it has no node data`, 'Restore it if it had some'))
    }
    if (nextSplice === null) {
      found.push(warning(`${text} splices.lmdb: it has no history`, 'Restore it if it had one'))
    }
    for (const [feed, offset] of feedOffsets) {
      const kept = `Layer ${iden} keeps a feed position, which 2.x has no place for: ${feed} is at ${offset}`
      found.push(warning(kept, 'Make whatever feeds this Cortex continue from there'))
    }
  }
  return found
}

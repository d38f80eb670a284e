import { readCheckpoints } from '../dest/checkpoints.js'
import type { NodesStream, SplicesStream } from '../layout/records.js'
import { NodeTotals } from '../migrate/node-totals.js'
import type { LayerSummary } from '../migrate/summary.js'

/** The layers' counts in the destination's checkpoints; after a replay, what is there now. */
export function replayedLayers(destDir: string): LayerSummary[] {
  const checkpoints = readCheckpoints(destDir)
  const idens = new Set([...checkpoints.keys()].flatMap((key) => /^(?:nodes|splices)\/([^/]+)$/.exec(key)?.[1] ?? []))
  return [...idens].sort().map((iden) => {
    const streams = (step: string) => checkpoints.get(`${step}/${iden}`)?.streams ?? []
    const nodes = NodeTotals.of(streams('nodes') as readonly NodesStream[]).sums
    const splices = sums(streams('splices') as readonly SplicesStream[])
    return {
      iden,
      nodes: nodes.nodes,
      migrated: nodes.migrated,
      reduced: nodes.reduced,
      nodedata: nodes.nodedataRows,
      nodedataMigrated: nodes.nodedataMigrated,
      splices: splices('translated') + splices('failures'),
      nodeEdits: splices('rows'),
      spliceErrors: splices('failures'),
      errorCount: nodes.errorCount + splices('failures'),
    }
  })
}

/** The sum of one count of all ranges. */
function sums(streams: readonly SplicesStream[]) {
  return (name: 'translated' | 'failures' | 'rows'): number =>
    streams.reduce((sum, { counts }) => sum + counts[name], 0)
}

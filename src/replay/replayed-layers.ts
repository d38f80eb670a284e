import { readCheckpoints } from '../dest/checkpoints.js'
import type { NodesStream, SplicesStream } from '../layout/records.js'
import type { LayerSummary } from '../migrate/summary.js'

/** What the checkpoints of a destination count by layer: after a replay, what is there now. */
export function replayedLayers(destDir: string): LayerSummary[] {
  const checkpoints = readCheckpoints(destDir)
  const idens = new Set([...checkpoints.keys()].flatMap((key) => /^(?:nodes|splices)\/([^/]+)$/.exec(key)?.[1] ?? []))
  return [...idens].sort().map((iden) => {
    const nodes = sums(checkpoints.get(`nodes/${iden}`)?.streams as readonly NodesStream[] | undefined)
    const splices = sums(checkpoints.get(`splices/${iden}`)?.streams as readonly SplicesStream[] | undefined)
    return {
      iden,
      nodes: nodes('nodes'),
      migrated: nodes('migrated'),
      reduced: nodes('reduced'),
      nodedata: nodes('nodedataRows'),
      nodedataMigrated: nodes('nodedataMigrated'),
      splices: splices('translated') + splices('failures'),
      nodeEdits: splices('rows'),
      spliceErrors: splices('failures'),
      errorCount: nodes('errorCount') + splices('failures'),
    }
  })
}

/** The sum of one count of all streams, some of which may have none. */
function sums<Counts>(streams: readonly { readonly counts?: Counts | undefined }[] = []) {
  return (name: keyof Counts): number => streams.reduce((sum, { counts }) => sum + Number(counts?.[name] ?? 0), 0)
}

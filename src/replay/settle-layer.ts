import { BUID_BYTES } from '../bytes/buid.js'
import { encode, PackMap, type Value } from '../bytes/msgpack.js'
import { readCheckpoints } from '../dest/checkpoints.js'
import { readErrorRecords } from '../dest/error-records.js'
import { errorKindInfo } from '../layout/error-record.js'
import { cortexPaths } from '../layout/paths.js'
import type { NodesCheckpoint } from '../layout/records.js'
import { NodeTotals } from '../migrate/node-totals.js'
import type { NodeExtractCounts } from '../migrate/tasks/node-extract.js'
import { SlabReader } from '../page/page-reader.js'
import type { ReplayContext } from './replay-context.js'

/**
 * Updates statistics and checkpoint to the current state. Counts again, so an earlier run may have stopped anywhere.
 */
export async function settleLayer(
  { options, writer }: ReplayContext,
  iden: string,
  checkpoint: NodesCheckpoint,
): Promise<void> {
  const { destDir } = options
  const key = `nodes/${iden}`
  const streams = (readCheckpoints(destDir).get(key)?.streams ?? []) as { counts?: NodeExtractCounts }[]
  const left = countLeft(destDir, iden)
  const layer = SlabReader.open(cortexPaths(destDir).layer(iden).slab('layer_v2'))
  const nodedata = SlabReader.open(cortexPaths(destDir).layer(iden).slab('nodedata'))
  try {
    const forms = [...(layer.db('count:forms')?.rows() ?? [])].map(
      ({ key, value }) => [Buffer.from(key).toString('utf8'), Number(Buffer.from(value).readBigInt64BE())] as const,
    )
    const before = NodeTotals.of(streams).whole()
    // Differences from the reference are counted without replayed nodes.
    const counts: NodeExtractCounts = {
      ...before,
      migrated: before.nodes - left.rejected,
      reduced: left.reduced,
      nodedataMigrated: nodedata.db('nodedata')?.entries ?? 0,
      errorCount: left.errors,
      forms,
      rows: layer.db('bybuid')?.entries ?? 0,
    }
    await writer.call('record', { records: statRecords(iden, counts, checkpoint) })
    // Records that we wrote to the slabs ourselves, so that `verify` does not expect differences.
    const writtenTxns = { layer_v2: layer.txnId, nodedata: nodedata.txnId }
    const whole = { stream: 0, counts }
    await writer.call('putBuilt', { key, checkpoint: { ...checkpoint, writtenTxns }, streams: [whole] })
  } finally {
    layer.close()
    nodedata.close()
  }
}

/** The remaining errors of a layer, as its statistics count them. */
function countLeft(destDir: string, iden: string): { rejected: number; reduced: number; errors: number } {
  const left = { rejected: 0, reduced: 0, errors: 0 }
  for (const { layer, step, code, buid, val } of readErrorRecords(destDir) ?? []) {
    if (layer !== iden || !(val instanceof PackMap) || errorKindInfo(code).isNote === true) continue
    const data = val.get('nodedata')
    if (step === 'nodedata') left.errors += data instanceof PackMap ? data.entries.length : 1
    if (step !== 'nodes') continue
    left.errors++
    if (buid?.length !== BUID_BYTES) continue
    if (val.get('kept') === true) left.reduced++
    else left.rejected++
  }
  return left
}

/** The statistics of a layer that depend on what was migrated, as a migration records them. */
function statRecords(iden: string, counts: NodeExtractCounts, { fingerprint }: NodesCheckpoint) {
  const stat = (migrop: string, key: string, value: Value) => ({
    migrop,
    logtyp: 'stat',
    key: `${iden}:${key}`,
    value: encode(value),
  })
  const [source, dest] = [new Map(counts.sourceForms), new Map(counts.forms)]
  const forms = [...new Set([...source.keys(), ...dest.keys()])]
  const total = counts.forms.reduce((sum, [, count]) => sum + count, 0)
  return [
    ...forms.map((form) => stat('nodes', `form:${form}`, [source.get(form) ?? 0, dest.get(form) ?? 0])),
    stat('nodes', 'totnodes', [counts.nodes, total]),
    ...(fingerprint.slabs.nodedata === null
      ? []
      : [stat('nodedata', 'totnodes', [counts.nodedataRows, counts.nodedataMigrated])]),
  ]
}

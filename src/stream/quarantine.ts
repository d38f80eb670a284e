import { BUID_BYTES } from '../bytes/buid.js'
import { PackMap } from '../bytes/msgpack.js'
import { errorKindInfo, packErrorRecord } from '../layout/error-record.js'
import type { PackedRecord } from '../thread/chunk-sender.js'
import type { NodeFailure } from '../translate/node-failure.js'
import type { SourceNode } from '../translate/source-node.js'
import type { NodeSource, NodeStream } from './node-stream.js'

const FORM_NOT_RESOLVED = 'Nodedata form not resolved from migrated node slab'
const NODEDATA_UNREADABLE = 'Nodedata could not be decoded'

/**
 * The record of a node that we did not migrate, or (`kept`) not completely: under its buid, in the reference's layout,
 * with all its original rows.
 *
 * @param known the form of a node without a form row, if we know it
 */
export function nodeRecord(
  layer: string,
  node: SourceNode,
  { code, mesg }: NodeFailure,
  kept: boolean,
  known: string | null,
): PackedRecord {
  const form = node.formName() ?? known
  const facts = { mesg, code, layer, form, kept, raw: node.rawRows() }
  return packErrorRecord('nodes', node.buid, facts, [['node', node.toRecord()]])
}

/** Node data that we did not migrate, and what we know about its node. */
export type LostData = Pick<NodeStream, 'buid' | 'lostData' | 'claimed' | 'form' | 'hasNode'>

/**
 * The record of node data that we did not migrate, by name. Values are raw msgpack, because some of them cannot be
 * decoded.
 */
export function nodedataRecord(source: NodeSource, lost: LostData): PackedRecord {
  const code = lostDataCode(source, lost)
  const mesg = code === 'ROW' ? NODEDATA_UNREADABLE : FORM_NOT_RESOLVED
  const facts = { mesg, code, layer: source.layer, form: lost.claimed }
  return packErrorRecord('nodedata', lost.buid, facts, [['nodedata', new PackMap(lost.lostData)]])
}

/** Whether the node data is a leftover: 0.1.x does not delete the node data of a deleted node. */
export function isLeftOver(source: NodeSource, lost: LostData): boolean {
  return errorKindInfo(lostDataCode(source, lost)).isNote === true
}

function lostDataCode(
  { mapPartial, isLayerMissing }: NodeSource,
  { form, hasNode, claimed }: LostData,
): 'ROW' | 'NODE' | 'FORM' | 'PARTIAL' | 'DELETED' {
  if (form !== null) return 'ROW'
  if (hasNode) return 'NODE'
  if (claimed !== null) return 'FORM'
  // We looked in every layer, so the node is in none.
  return mapPartial && !isLayerMissing ? 'DELETED' : 'PARTIAL'
}

/** The record of a row whose key is too short to hold a buid, under that key. */
export function shortKeyRecord(
  layer: string,
  step: 'nodes' | 'nodedata',
  key: Uint8Array,
  value: Uint8Array,
): PackedRecord {
  const mesg = `A row key is shorter than a buid: ${key.length} of ${BUID_BYTES} bytes`
  return packErrorRecord(step, key, { mesg, code: 'ROW', layer }, [['rows', [[key, value]]]])
}

import { BUID_BYTES } from '../bytes/buid.js'
import type { Value } from '../bytes/msgpack.js'
import { PackMap } from '../bytes/msgpack.js'
import { packErrorRecord } from '../layout/error-record.js'
import type { PackedRecord } from '../thread/chunk-sender.js'
import type { NodeFailure } from '../translate/node.js'
import type { SourceNode } from '../translate/source-node.js'

const FORM_NOT_RESOLVED = 'Nodedata form not resolved from migrated node slab'
const NODEDATA_UNREADABLE = 'Nodedata could not be decoded'

/**
 * A node that was not migrated, or (`kept`) not with all its values: under its buid, in the reference's layout and with all
 * its rows as they are.
 *
 * @param known form of a node without a form row, if it is known
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

/**
 * Node data that was not migrated, by name: raw msgpack bytes, as some of it is here because it cannot be decoded.
 *
 * @param form what the source says that the node is
 * @param isResolved whether the node itself was migrated
 */
export function nodedataRecord(
  layer: string,
  buid: Uint8Array,
  lost: [Value, Value][],
  form: string | null,
  isResolved: boolean,
): PackedRecord {
  const mesg = isResolved ? NODEDATA_UNREADABLE : FORM_NOT_RESOLVED
  return packErrorRecord('nodedata', buid, { mesg, code: isResolved ? 'ROW' : 'NODE', layer, form }, [
    ['nodedata', new PackMap(lost)],
  ])
}

/** A row whose key is too short for a buid, under what there is of it. */
export function shortKeyRecord(
  layer: string,
  step: 'nodes' | 'nodedata',
  key: Uint8Array,
  value: Uint8Array,
): PackedRecord {
  const mesg = `A row key is shorter than a buid: ${key.length} of ${BUID_BYTES} bytes`
  return packErrorRecord(step, key, { mesg, code: 'ROW', layer }, [['rows', [[key, value]]]])
}

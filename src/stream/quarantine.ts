import { encode, PackMap, type Value } from '../bytes/msgpack.js'
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
  failure: NodeFailure,
  kept: boolean,
  known: string | null,
): PackedRecord {
  return recordOf('nodes', node.buid, [
    ['mesg', failure.mesg],
    ['node', node.toRecord()],
    ['layer', layer],
    ['form', node.formName() ?? known],
    ['rule', failure.code],
    ['kept', kept],
    ['raw', node.rawRows()],
  ])
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
  return recordOf('nodedata', buid, [
    ['mesg', isResolved ? NODEDATA_UNREADABLE : FORM_NOT_RESOLVED],
    ['nodedata', new PackMap(lost)],
    ['layer', layer],
    ['form', form],
    ['rule', isResolved ? 'ROW' : 'FORM'],
  ])
}

export function recordOf(migrop: string, key: Uint8Array, entries: [Value, Value][]): PackedRecord {
  return { migrop, key: Uint8Array.from(key), value: encode(new PackMap(entries)) }
}

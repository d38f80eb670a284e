import { buidAfter } from '../../bytes/buid.js'
import type { ReplayedIndexRow, ReplayedNode } from '../../dest/layer-replay.js'
import { NODE_INDEX_DBS } from '../../layout/dest-dbs.js'
import { type NodeSource, NodeStream } from '../../stream/node-stream.js'
import { nodedataRecord, nodeRecord } from '../../stream/quarantine.js'
import { workerTranslator } from '../../stream/worker-state.js'
import type { PackedRecord } from '../../thread/chunk-sender.js'
import type { NodeTranslator } from '../../translate/node.js'

/** Always copies: `slice()` of a `Buffer` is a view. */
const copy = Uint8Array.prototype.slice

export interface ReplayNodesInput extends NodeSource {
  readonly buids: readonly Uint8Array[]
}

export interface ReplayNodesResult {
  readonly nodes: readonly ReplayedNode[]
  /** Buids of partial nodes with unknown form, end to end. */
  readonly unresolved: Uint8Array
}

/**
 * Translates single nodes and their node data like `extractNodes()`, but into rows with names instead of abbreviations.
 */
export function replayNodes(input: ReplayNodesInput): ReplayNodesResult {
  return new NodeReplay(input).run()
}

class NodeReplay {
  private readonly input: ReplayNodesInput
  private readonly translator: NodeTranslator
  private readonly stream: NodeStream

  constructor(input: ReplayNodesInput) {
    this.input = input
    this.translator = workerTranslator(input.model, { checks: input.checks, layer: input.layer })
    // A key too short for a buid belongs to no node, and its error stays.
    this.stream = new NodeStream(input, this.translator, () => {})
  }

  run(): ReplayNodesResult {
    const nodes = this.input.buids.map((buid) => this.replay(buid))
    return { nodes, unresolved: Buffer.concat(this.stream.unresolved) }
  }

  private replay(buid: Uint8Array): ReplayedNode {
    const stream = this.stream
    this.translator.reset()
    stream.seek(buid, buidAfter(buid))
    if (!stream.next()) return { buid, rows: [], form: null, index: [], data: [], errors: [] }
    const { form, formRow, dataCount, dataNames, dataValues } = stream
    const rows: { key: Uint8Array; value: Uint8Array }[] = []
    stream.writeRows({
      add: (key, keyStart, keyEnd, value, valueStart, valueEnd) => {
        rows.push({ key: copy.call(key, keyStart, keyEnd), value: copy.call(value, valueStart, valueEnd) })
      },
    })
    const data = Array.from({ length: dataCount }, (_, i) => ({ name: dataNames[i], value: dataValues[i] }))
    // Only a node with a form row counts toward its form.
    const added = formRow >= 0 && form !== null ? form.name : null
    return { buid, rows, form: added, index: this.indexRows(), data, errors: this.errors() }
  }

  private errors(): PackedRecord[] {
    const { layer } = this.input
    const { node, outcome, known, lostData } = this.stream
    const errors: PackedRecord[] = []
    if (outcome !== null) errors.push(nodeRecord(layer, node, outcome.failure, outcome.kept, known))
    if (lostData.length > 0) errors.push(nodedataRecord(this.input, this.stream))
    return errors
  }

  private indexRows(): ReplayedIndexRow[] {
    return NODE_INDEX_DBS.flatMap((db) => {
      const { count, groups, bytes, starts, lengths } = this.translator.indexes[db]
      return Array.from({ length: count }, (_, i) => {
        const index = Uint8Array.from(bytes.subarray(starts[i], starts[i] + lengths[i]))
        return { db, names: this.translator.plans.groupNames(db, groups[i]), index }
      })
    })
  }
}

import { buidAfter } from '../../bytes/buid.js'
import type { ReplayedIndexRow, ReplayedNode } from '../../dest/layer-replay.js'
import { type NodeSource, NodeStream } from '../../stream/node-stream.js'
import { nodedataRecord, nodeRecord } from '../../stream/quarantine.js'
import { workerTranslator } from '../../stream/worker-state.js'
import type { PackedRecord } from '../../thread/chunk-sender.js'
import type { IndexRows } from '../../translate/index-rows.js'
import type { NodeTranslator } from '../../translate/node.js'

/** Copies, of a `Buffer` too, whose own `slice` does not. */
const copy = Uint8Array.prototype.slice

export interface ReplayNodesInput extends NodeSource {
  readonly buids: readonly Uint8Array[]
}

export interface ReplayNodesResult {
  readonly nodes: readonly ReplayedNode[]
  /** Buids of partial nodes whose form is unknown, end to end. */
  readonly unresolved: Uint8Array
}

/** Translates single nodes and their node data as `extractNodes()` does, into rows with names instead of abbreviations. */
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
    // A key too short for a buid is no node's, and stays recorded.
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
    // A node with a form row is counted where it was migrated.
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
    const { byprop, byarray, bytag, bytagprop, propNames, tagNames, tagPropNames, tagForms } = this.translator
    const prop = (group: number) => propNames.name(group)
    return [
      ...rowsOf(byprop, (group, index) => ({ db: 'byprop', name: prop(group), tag: null, index })),
      ...rowsOf(byarray, (group, index) => ({ db: 'byarray', name: prop(group), tag: null, index })),
      ...rowsOf(bytag, (group, index) => {
        return { db: 'bytag', name: prop(tagForms.b[group]), tag: tagNames.name(tagForms.a[group]), index }
      }),
      ...rowsOf(bytagprop, (group, index) => ({ db: 'bytagprop', name: tagPropNames.name(group), tag: null, index })),
    ]
  }
}

function rowsOf(rows: IndexRows, row: (group: number, index: Uint8Array) => ReplayedIndexRow): ReplayedIndexRow[] {
  return Array.from({ length: rows.count }, (_, i) =>
    row(rows.groups[i], Uint8Array.from(rows.bytes.subarray(rows.starts[i], rows.starts[i] + rows.lengths[i]))),
  )
}

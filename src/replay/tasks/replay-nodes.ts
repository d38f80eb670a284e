import type { ReplayedIndexRow, ReplayedNode } from '../../dest/layer-replay.js'
import type { FormFinder } from '../../source/form-finder.js'
import { formFinder, NodeReader, type NodeSource, rowName, rowValue } from '../../stream/node-source.js'
import { nodedataRecord, nodeRecord } from '../../stream/quarantine.js'
import { workerTranslator } from '../../stream/worker-state.js'
import type { PackedRecord } from '../../thread/chunk-sender.js'
import type { IndexRows } from '../../translate/index-rows.js'
import { Flag, type NodeTranslator } from '../../translate/node.js'

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
  private readonly translator: NodeTranslator
  private readonly finder: FormFinder
  private readonly source: NodeReader
  private readonly unresolved: Uint8Array[] = []

  constructor(private readonly input: ReplayNodesInput) {
    this.translator = workerTranslator(input.model, { checks: input.checks, layer: input.layer })
    this.finder = formFinder(input)
    this.source = new NodeReader(input)
  }

  run(): ReplayNodesResult {
    const nodes = this.input.buids.map((buid) => this.replay(buid))
    return { nodes, unresolved: Buffer.concat(this.unresolved) }
  }

  private replay(buid: Uint8Array): ReplayedNode {
    const { source, translator } = this
    const { nodeRows } = source
    source.seek(buid, null)
    const errors: PackedRecord[] = []
    const hasNode = nodeRows.isOpen && nodeRows.startsWith(buid)
    translator.reset()
    const { form, claimed, isAdded } = hasNode ? this.readNode(errors) : this.dataOnly(buid)
    const data = this.readData(buid, form?.name ?? null, claimed, errors)
    const rows = hasNode && form !== null ? this.rows() : []
    if (form !== null && ((hasNode && translator.hasForm) || data.length > 0)) {
      rows.push({ key: Buffer.concat([buid, Buffer.of(Flag.form)]), value: Uint8Array.from(form.nameUtf8) })
    }
    return { buid, rows, form: isAdded && form !== null ? form.name : null, index: this.indexRows(), data, errors }
  }

  /** `isAdded`: it has a form row, and is counted where it was migrated. */
  private readNode(errors: PackedRecord[]) {
    const { source, translator, input } = this
    const { node } = source
    source.takeNode()
    const isAdded = node.formRow() >= 0
    const known = !isAdded && input.mapPartial ? this.finder.find(node.buid) : null
    if (!isAdded && known === null) this.unresolved.push(Uint8Array.from(node.buid))
    const outcome = translator.translate(node, 0, known)
    if (outcome !== null) errors.push(nodeRecord(input.layer, node, outcome.failure, outcome.kept, known))
    const form = outcome === null || outcome.kept ? translator.form : null
    return { form, claimed: node.formName() ?? known, isAdded }
  }

  private dataOnly(buid: Uint8Array) {
    const claimed = this.input.mapPartial ? this.finder.find(buid) : null
    if (claimed === null) this.unresolved.push(buid)
    return { form: claimed === null ? null : this.translator.plan(claimed), claimed, isAdded: false }
  }

  private readData(buid: Uint8Array, form: string | null, claimed: string | null, errors: PackedRecord[]) {
    const { kept, lost } = this.source.takeData(buid, form !== null)
    if (lost.length > 0) errors.push(nodedataRecord(this.input.layer, buid, lost, claimed, form !== null))
    return kept
  }

  private rows(): { key: Uint8Array; value: Uint8Array }[] {
    const { translator } = this
    const { node } = this.source
    return Array.from({ length: translator.rowCount }, (_, at) => ({
      key: Buffer.concat([node.buid, Buffer.of(translator.flags[at]), rowName(node, translator, at)]),
      value: Buffer.concat(rowValue(node, translator, at)),
    }))
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

import { MsgpackError, skip, type Value } from '../bytes/msgpack.js'
import type { ModelData } from '../model/model.js'
import { FormFinder } from '../source/form-finder.js'
import type { PackedRecord } from '../target/chunk-sender.js'
import type { ReplayedIndexRow, ReplayedNode } from '../target/layer-replay.js'
import type { IndexRows } from '../translate/index-rows.js'
import { Flag, type NodeTranslator } from '../translate/node.js'
import { packedName, RowKind, SourceNode, strictText } from '../translate/source-node.js'
import { nodedataRecord, nodeRecord } from './quarantine.js'
import { RangeScan } from './range-scan.js'
import { openSource, workerTranslator } from './worker-state.js'

const BUID_BYTES = 32
const MOST_NAME_BYTES = 511

export interface ReplayNodesInput {
  readonly layer: string
  readonly layerPath: string
  /** Null when node data is not migrated, or there is none. */
  readonly nodedataPath: string | null
  readonly otherLayerPaths: readonly string[]
  readonly knownForms: readonly (readonly [string, string])[]
  readonly checks: boolean
  readonly mapPartial: boolean
  readonly model: ModelData
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
  private readonly nodeRows: RangeScan
  private readonly dataRows: RangeScan
  private readonly node = new SourceNode()
  private readonly unresolved: Uint8Array[] = []

  constructor(private readonly input: ReplayNodesInput) {
    this.translator = workerTranslator(input.model, { checks: input.checks, layer: input.layer })
    this.finder = new FormFinder(input.otherLayerPaths.map(openSource), new Map(input.knownForms))
    this.nodeRows = new RangeScan(openSource(input.layerPath), 'bybuid')
    this.dataRows = new RangeScan(input.nodedataPath === null ? null : openSource(input.nodedataPath), 'bybuid')
  }

  run(): ReplayNodesResult {
    const nodes = this.input.buids.map((buid) => this.replay(buid))
    return { nodes, unresolved: Buffer.concat(this.unresolved) }
  }

  private replay(buid: Uint8Array): ReplayedNode {
    const { nodeRows, dataRows, translator } = this
    for (const scan of [nodeRows, dataRows]) scan.seek(buid, null)
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
    const { node, nodeRows, translator, input } = this
    node.begin(nodeRows.cursor.buf, nodeRows.cursor.keyStart)
    do {
      const { cursor } = nodeRows
      const nameStart = cursor.keyStart + BUID_BYTES
      node.add(cursor.buf, nameStart, cursor.keyEnd, cursor.valueBuf, cursor.valueStart, cursor.valueEnd)
    } while (nodeRows.next() && nodeRows.startsWith(node.buid))
    const isAdded = node.kinds.slice(0, node.count).includes(RowKind.form)
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
    const { dataRows } = this
    const kept: { name: Uint8Array; value: Uint8Array }[] = []
    const lost: [Value, Value][] = []
    for (; dataRows.isOpen && dataRows.startsWith(buid); dataRows.next()) {
      const nameBytes = dataRows.cursor.key().slice(BUID_BYTES)
      const value = dataRows.cursor.value()
      const text = strictText(nameBytes)
      const name = text === null ? null : packedName(text, null)
      const isSound = form !== null && name !== null && name.length <= MOST_NAME_BYTES && isMsgpack(value)
      if (isSound) kept.push({ name, value })
      else lost.push([text ?? nameBytes, value])
    }
    if (lost.length > 0) errors.push(nodedataRecord(this.input.layer, buid, lost, claimed, form !== null))
    return kept
  }

  private rows(): { key: Uint8Array; value: Uint8Array }[] {
    const { node, translator } = this
    return Array.from({ length: translator.rowCount }, (_, at) => {
      const i = translator.rows[at]
      const flag = translator.flags[at]
      const name = flag === Flag.ndef ? new Uint8Array(0) : node.name(i).subarray(translator.nameSkip[at])
      const valu = node.rowBuf[i].subarray(node.valuStart(i), translator.valuEnd[at])
      const stor = translator.stor[at]
      const head =
        flag === Flag.ndef && translator.form !== null ? [Uint8Array.of(0x93), translator.form.nameBytes] : null
      const value = stor === null ? [valu] : [...(head ?? [Uint8Array.of(0x92)]), valu, stor]
      return { key: Buffer.concat([node.buid, Buffer.of(flag), name]), value: Buffer.concat(value) }
    })
  }

  private indexRows(): ReplayedIndexRow[] {
    const { byprop, byarray, bytag, bytagprop, propNames, tagNames, tagPropNames, tagForms } = this.translator
    const prop = (group: number) => propNames.name(group)
    return [
      ...rowsOf(byprop, (group, index) => ({ db: 'byprop', name: prop(group), tag: null, index })),
      ...rowsOf(byarray, (group, index) => ({ db: 'byarray', name: prop(group), tag: null, index })),
      ...rowsOf(bytag, (group, index) => {
        const [tag, form] = tagForms[group]
        return { db: 'bytag', name: prop(form), tag: tagNames.name(tag), index }
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

function isMsgpack(bytes: Uint8Array): boolean {
  try {
    return skip(bytes, 0, bytes.length) === bytes.length
  } catch (err) {
    if (err instanceof MsgpackError) return false
    throw err
  }
}

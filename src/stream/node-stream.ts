import { BUID_BYTES } from '../bytes/buid.js'
import { isMsgpack, type Value } from '../bytes/msgpack.js'
import type { RowSink } from '../bytes/spans.js'
import { SOURCE_DBS } from '../layout/source-layer.js'
import type { ModelData } from '../model/model.js'
import type { LeafBuilder } from '../page/leaf-builder.js'
import type { SlabReader } from '../page/page-reader.js'
import { FormFinder } from '../source/form-finder.js'
import { nodeRows } from '../source/source-dbs.js'
import type { FormPlan } from '../translate/form-plan.js'
import type { NodeOutcome, NodeTranslator } from '../translate/node.js'
import { packedName, SourceNode, strictText } from '../translate/source-node.js'
import { RangeScan } from './range-scan.js'
import { type DataNode, UsualNodes } from './usual-nodes.js'
import { openSource } from './worker-state.js'

/** Always copies: `slice()` of a `Buffer` is a view. */
const { slice } = Uint8Array.prototype
/** LMDB's limit, as packed names are keys of the abbreviation tables. */
const MOST_NAME_BYTES = 511

/** The part of the input that all tasks with nodes of a layer share. */
export interface NodeSource {
  readonly layer: string
  /** Path of the source's `layer.lmdb`. */
  readonly layerPath: string
  /** Path of the source's `nodedata.lmdb`; null when there is none or we do not migrate it. */
  readonly nodedataPath: string | null
  /** `layer.lmdb` of the layers below; empty when we do not resolve partial nodes. */
  readonly otherLayerPaths: readonly string[]
  /** Forms of partial nodes that are in no other layer, by buid in hex. */
  readonly knownForms: readonly (readonly [string, string])[]
  readonly checks: boolean
  readonly mapPartial: boolean
  /** Whether the Cortex has layers that we cannot read: a node may be in one of these. */
  readonly isLayerMissing: boolean
  readonly model: ModelData
}

/** Receives each row whose key is too short to hold a buid. */
export type ShortKey = (step: 'nodes' | 'nodedata', key: Uint8Array, value: Uint8Array) => void

/**
 * The one walk over a layer's nodes: each with its rows, translated, and its node data, in buid order. Node data of a
 * buid without rows in this layer comes at its place in that order. All public fields describe the node of the last
 * `next()`.
 *
 *     const stream = new NodeStream(source, translator, onShortKey)
 *     stream.seek(start, end)
 *     while (stream.next()) stream.writeRows(sink)
 */
export class NodeStream {
  readonly node = new SourceNode()
  buid: Uint8Array = this.node.buid
  /** False when the buid has node data only. */
  hasNode = false
  /** What the kernel has translated of the node; null when it is in `node`. */
  usualNode: DataNode | null = null
  /** The node's form row in `node`, or -1. */
  formRow = -1
  /** What is missing from the translated node, if anything. */
  outcome: NodeOutcome = null
  /** The form to write its rows with; null when no row can be written. */
  form: FormPlan | null = null
  /** The form according to the source or a layer below, whether or not the model has it. */
  claimed: string | null = null
  /** The form of a partial node, found in another layer. */
  known: string | null = null
  /** Number of the node; its buid is in `buids`, or with those of usual nodes. */
  owner = -1
  /** Buids by owner, end to end. */
  buids = new Uint8Array(1 << 12)

  /** Node data that we can migrate: packed names and raw values. */
  dataCount = 0
  readonly dataNames: Uint8Array[] = []
  readonly dataValues: Uint8Array[] = []
  /** Node data that we cannot migrate: the name (bytes if it is not a valid one) and the raw value. */
  lostData: [Value, Value][] = []

  /** Buids of partial nodes whose form we do not know. */
  readonly unresolved: Uint8Array[] = []
  readonly nodeRows: RangeScan
  readonly dataRows: RangeScan
  /** Translates usual nodes by itself; null when `next()` shall return each node. */
  readonly usual: UsualNodes | null
  private readonly layer: SlabReader
  private readonly translator: NodeTranslator
  private readonly finder: FormFinder
  private readonly mapPartial: boolean
  private readonly shortKey: ShortKey
  private readonly dataBuid = new Uint8Array(BUID_BYTES)
  private owners = 0
  /** Whether `node` holds the previous node of the same range. */
  private hasLast = false

  /**
   * @param builder takes the rows of usual nodes, which `next()` then passes over: the kernel translates them
   * @throws {MigrationError} when a slab cannot be read or has no `bybuid`
   */
  constructor(source: NodeSource, translator: NodeTranslator, shortKey: ShortKey, builder: LeafBuilder | null = null) {
    this.layer = openSource(source.layerPath)
    this.dataRows = source.nodedataPath === null ? new RangeScan(null, '') : scanOf(openSource(source.nodedataPath))
    nodeRows(this.layer)
    this.usual = builder === null ? null : new UsualNodes(this.layer, translator, builder, source.checks, this.dataRows)
    this.nodeRows = this.usual ?? scanOf(this.layer)
    this.translator = translator
    this.finder = new FormFinder(source.otherLayerPaths.map(openSource), new Map(source.knownForms))
    this.mapPartial = source.mapPartial
    this.shortKey = shortKey
  }

  /**
   * Goes to the rows of `[start, end)`; null means unbounded. The numbers of nodes go on from those before: their rows may
   * still be looked at.
   *
   * @param last where `goOn()` will come to at most
   */
  seek(start: Uint8Array | null, end: Uint8Array | null, last = end): void {
    this.nodeRows.seek(start, end, last)
    this.dataRows.seek(start, end, last)
    this.hasLast = false
  }

  /** Goes on where the range ended, up to another end. Nodes are numbered from 0 again. */
  goOn(end: Uint8Array | null): void {
    this.nodeRows.goOn(end)
    this.dataRows.goOn(end)
    this.owners = 0
  }

  /** Goes to the next node. @throws {MigrationError} when the source is damaged */
  next(): boolean {
    const { nodeRows, dataRows, usual } = this
    for (;;) {
      this.usualNode = usual?.takeDataNode() ?? null
      if (this.usualNode !== null) {
        this.takeDataOf(this.usualNode)
        return true
      }
      if (!nodeRows.isOpen && !dataRows.isOpen) return false
      if (nodeRows.isOpen && nodeRows.keyBytes < BUID_BYTES) this.short('nodes', nodeRows)
      else if (dataRows.isOpen && dataRows.keyBytes < BUID_BYTES) this.short('nodedata', dataRows)
      else {
        if (dataRows.isOpen && (!nodeRows.isOpen || dataRows.comesBefore(nodeRows, BUID_BYTES))) this.takeDataOnly()
        else this.takeNode()
        return true
      }
    }
  }

  /** The buid of the last node with rows; null when there was none. */
  lastBuid(): Uint8Array | null {
    const own = this.hasLast ? Uint8Array.from(this.node.buid) : null
    const usual = this.usual?.lastBuid() ?? null
    if (own === null || usual === null) return own ?? usual
    return Buffer.compare(own, usual) > 0 ? own : usual
  }

  /** Hands over the destination's `bybuid` rows, in key order. */
  writeRows(sink: RowSink): void {
    const { form, usualNode } = this
    if (form === null) return
    const { rows } = this.translator
    if (usualNode !== null) {
      if (!usualNode.hasFormRow && this.dataCount > 0) rows.writeForm(this.buid, form, sink)
      return
    }
    if (this.hasNode) rows.writeTo(this.node, sink)
    if ((this.hasNode && rows.hasForm) || this.dataCount > 0) rows.writeForm(this.buid, form, sink)
  }

  private takeNode(): void {
    const { node } = this
    this.readNode()
    this.buid = node.buid
    this.addOwner()
    const formRow = node.formRow()
    this.formRow = formRow
    const known = formRow < 0 && this.mapPartial ? this.finder.find(node.buid) : null
    this.known = known
    if (formRow < 0 && known === null) this.unresolved.push(Uint8Array.from(node.buid))
    const outcome = this.translator.translate(node, this.owner, known)
    this.outcome = outcome
    this.form = outcome === null || outcome.kept ? this.translator.rows.form : null
    this.takeData()
    // Get the name only when an error record needs it: it makes a string.
    this.claimed = outcome === null && this.lostData.length === 0 ? null : (node.formName() ?? known)
  }

  /** Takes node data of a node that the kernel has translated. */
  private takeDataOf({ buid, owner, form }: DataNode): void {
    this.hasNode = true
    this.buid = buid
    this.owner = owner
    this.formRow = -1
    this.outcome = null
    this.known = null
    this.form = form
    this.takeData()
    this.claimed = this.lostData.length === 0 ? null : form.name
  }

  /** Takes node data of a buid that has no other rows in this layer. */
  private takeDataOnly(): void {
    const { buf, keyStart } = this.dataRows.cursor
    const buid = this.dataBuid
    for (let i = 0; i < BUID_BYTES; i++) buid[i] = buf[keyStart + i]
    this.hasNode = false
    this.buid = buid
    this.addOwner()
    this.formRow = -1
    this.outcome = null
    this.claimed = this.mapPartial ? this.finder.find(buid) : null
    this.known = this.claimed
    if (this.claimed === null) this.unresolved.push(Uint8Array.from(buid))
    this.form = this.claimed === null ? null : this.translator.plans.form(this.claimed)
    this.takeData()
  }

  private readNode(): void {
    const { node, nodeRows } = this
    const { cursor } = nodeRows
    if (this.hasLast && !nodeRows.isAbove(node.buid)) throw this.layer.corrupt('its keys are out of order')
    node.begin(cursor.buf, cursor.keyStart)
    do {
      const nameStart = cursor.keyStart + BUID_BYTES
      node.add(cursor.buf, nameStart, cursor.keyEnd, cursor.valueBuf, cursor.valueStart, cursor.valueEnd)
    } while (nodeRows.next() && nodeRows.keyBytes >= BUID_BYTES && node.has(cursor.buf, cursor.keyStart))
    this.hasNode = true
    this.hasLast = true
  }

  private takeData(): void {
    this.dataCount = 0
    if (this.lostData.length > 0) this.lostData = []
    const { dataRows, buid, form } = this
    while (dataRows.isOpen && dataRows.startsWith(buid)) {
      const { cursor } = dataRows
      const nameBytes: Uint8Array = slice.call(cursor.buf, cursor.keyStart + BUID_BYTES, cursor.keyEnd)
      const name = strictText(nameBytes)
      const packed = name === null ? null : packedName(name, null)
      const isSound = isMsgpack(cursor.valueBuf, cursor.valueStart, cursor.valueEnd)
      if (form === null || packed === null || !isSound || packed.length > MOST_NAME_BYTES) {
        this.lostData.push([name ?? nameBytes, cursor.value()])
      } else {
        this.dataNames[this.dataCount] = packed
        this.dataValues[this.dataCount++] = cursor.value()
      }
      dataRows.next()
    }
  }

  private short(step: 'nodes' | 'nodedata', scan: RangeScan): void {
    this.shortKey(step, scan.cursor.key(), scan.cursor.value())
    scan.next()
  }

  private addOwner(): void {
    if (this.usual !== null) {
      this.owner = this.usual.addOwner(this.buid)
      return
    }
    this.owner = this.owners++
    if (this.owners * BUID_BYTES > this.buids.length) {
      const grown = new Uint8Array(this.buids.length * 2)
      grown.set(this.buids)
      this.buids = grown
    }
    const { buids, buid } = this
    // `set()` takes longer than so few bytes.
    for (let i = 0, at = this.owner * BUID_BYTES; i < BUID_BYTES; i++, at++) buids[at] = buid[i]
  }
}

function scanOf(slab: SlabReader): RangeScan {
  nodeRows(slab)
  return new RangeScan(slab, SOURCE_DBS.nodes.db)
}

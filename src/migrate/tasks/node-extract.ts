import type { MessagePort } from 'node:worker_threads'
import { isMsgpack, type Value } from '../../bytes/msgpack.js'
import { SpanMap } from '../../bytes/span-map.js'
import { copySpan, keptViewOf, viewOf } from '../../bytes/spans.js'
import { LeafBuilder } from '../../page/leaf-builder.js'
import type { RowCursor, SlabReader } from '../../page/page-reader.js'
import { RunWriter } from '../../run/run-file.js'
import type { FormFinder } from '../../source/form-finder.js'
import { BUID_BYTES, formFinder, MOST_NAME_BYTES, type NodeSource } from '../../stream/node-source.js'
import { nodedataRecord, nodeRecord, recordOf } from '../../stream/quarantine.js'
import { openSource, workerTranslator } from '../../stream/worker-state.js'
import { ChunkSender, type Credits, type PackedRecord } from '../../thread/chunk-sender.js'
import { IndexRows } from '../../translate/index-rows.js'
import { Flag, type NodeTranslator } from '../../translate/node.js'
import { packedName, SourceNode, strictText } from '../../translate/source-node.js'

export interface NodeExtractInput extends NodeSource {
  readonly partition: number
  /** Half-open range of buids; null is unbounded. */
  readonly start: Uint8Array | null
  readonly end: Uint8Array | null
  /** Where the sorted index rows go; null when nothing is to be kept. */
  readonly runPath: string | null
  readonly stream: number
  readonly port: MessagePort
  readonly credits: Credits
}

/** What a partition's run file says of it beside its rows; all that the coordinator needs once it is on disk. */
export interface NodeExtractCounts {
  readonly partition: number
  /** Rows of the source's `bybuid` and of its node data in the range. */
  readonly sourceRows: number
  readonly nodedataRows: number
  /** Nodes read, and those translated. */
  readonly nodes: number
  readonly migrated: number
  /** Nodes translated without a value or two. */
  readonly reduced: number
  readonly nodedataMigrated: number
  readonly errorCount: number
  /** Form rows read, and ndef rows written, by form. */
  readonly sourceForms: readonly (readonly [string, number])[]
  readonly forms: readonly (readonly [string, number])[]
  /** Rows written to the destination's `bybuid`. */
  readonly rows: number
  readonly lastBuid: Uint8Array | null
  /** Buids of partial nodes whose form is unknown, end to end. */
  readonly unresolved: Uint8Array
}

/**
 * Reads a range of buids from the source, translates its nodes and node data, sends the finished `bybuid` pages to the
 * writer and leaves the rows of all other databases, sorted, in a run file.
 */
export function extractNodes(input: NodeExtractInput): NodeExtractCounts {
  return new NodeExtract(input).run()
}

class NodeExtract {
  private readonly translator: NodeTranslator
  private readonly finder: FormFinder
  private readonly builder: LeafBuilder
  private readonly sender: ChunkSender
  private readonly records: PackedRecord[] = []
  private readonly node = new SourceNode()
  private readonly data = new NodedataRows()
  private buids = new Uint8Array(1 << 16)
  private owners = 0
  private readonly keyOut = Buffer.alloc(1024)
  private readonly keyView = viewOf(this.keyOut)
  private valueOut = Buffer.alloc(1 << 12)
  private valueView = viewOf(this.valueOut)
  /** The source page that was read last. */
  private pageBuf: Uint8Array = this.valueOut
  private pageView = this.valueView

  private nodes = 0
  private migrated = 0
  private reduced = 0
  private errorCount = 0
  private rows = 0
  private readonly sourceForms: { readonly name: string; count: number }[] = []
  private readonly formsByName = new SpanMap<{ readonly name: string; count: number }>()
  private readonly unresolved: Uint8Array[] = []

  constructor(private readonly input: NodeExtractInput) {
    this.translator = workerTranslator(input.model, { checks: input.checks, layer: input.layer })
    this.finder = formFinder(input)
    this.sender = new ChunkSender(input.port, input.stream, input.credits)
    this.builder = new LeafBuilder({ dupSort: false, emit: (chunk) => this.sender.send(chunk) })
  }

  run(): NodeExtractCounts {
    const { input } = this
    const nodes = new Scan(openSource(input.layerPath), input.start, input.end)
    const data = input.nodedataPath === null ? null : new Scan(openSource(input.nodedataPath), input.start, input.end)
    this.readAll(nodes, data)
    this.finish()
    return {
      partition: input.partition,
      sourceRows: nodes.rows,
      nodedataRows: data?.rows ?? 0,
      nodes: this.nodes,
      migrated: this.migrated,
      reduced: this.reduced,
      nodedataMigrated: this.data.count,
      errorCount: this.errorCount,
      sourceForms: this.sourceForms.map(({ name, count }) => [name, count] as const),
      forms: [...this.translator.formCounts],
      rows: this.rows,
      lastBuid: this.nodes > 0 ? Uint8Array.from(this.node.buid) : null,
      unresolved: Buffer.concat(this.unresolved),
    }
  }

  /** The loop alone: what follows it is not in the code that V8 optimizes while it runs, and has to discard at its end. */
  private readAll(nodes: Scan, data: Scan | null): void {
    while (nodes.isOpen || data?.isOpen) {
      if (nodes.isOpen && nodes.keyBytes < BUID_BYTES) this.shortKey('nodes', nodes)
      else if (data?.isOpen && data.keyBytes < BUID_BYTES) this.shortKey('nodedata', data)
      else if (data?.isOpen && (!nodes.isOpen || data.comesBefore(nodes))) this.dataOnly(data)
      else this.oneNode(nodes, data)
    }
  }

  private oneNode(nodes: Scan, data: Scan | null): void {
    const { node, translator } = this
    this.readNode(nodes)
    const owner = this.owner(node.buid)
    const formRow = node.formRow()
    if (formRow >= 0) this.countSourceForm(node.nameBuf[formRow], node.nameStart[formRow] + 1, node.nameEnd[formRow])
    const known = formRow < 0 && this.input.mapPartial ? this.finder.find(node.buid) : null
    if (formRow < 0 && known === null) this.unresolved.push(Uint8Array.from(node.buid))
    const outcome = translator.translate(node, owner, known)
    if (outcome !== null) {
      this.errorCount++
      this.records.push(nodeRecord(this.input.layer, node, outcome.failure, outcome.kept, known))
    }
    const isMigrated = outcome === null || outcome.kept
    if (isMigrated) {
      this.migrated++
      if (outcome !== null) this.reduced++
    }
    const form = isMigrated ? translator.form : null
    const hasData = this.takeData(data, node.buid, owner, form?.name ?? null, node.formName() ?? known)
    if (form === null) return
    this.keyOut.set(node.buid)
    for (let at = 0; at < translator.rowCount; at++) this.emitRow(at)
    if (translator.hasForm || hasData) this.emitForm(form.nameUtf8)
  }

  /** Node data of a node that has no other row in this layer. */
  private dataOnly(data: Scan): void {
    const buid = Uint8Array.prototype.slice.call(
      data.cursor.buf,
      data.cursor.keyStart,
      data.cursor.keyStart + BUID_BYTES,
    )
    const form = this.input.mapPartial ? this.finder.find(buid) : null
    const plan = form === null ? null : this.translator.plan(form)
    if (form === null) this.unresolved.push(buid)
    if (!this.takeData(data, buid, this.owner(buid), plan?.name ?? null, form) || plan === null) return
    this.keyOut.set(buid)
    this.emitForm(plan.nameUtf8)
  }

  private readNode(scan: Scan): void {
    const { node } = this
    const { cursor } = scan
    if (this.nodes > 0 && !scan.isAbove(node.buid)) {
      throw openSource(this.input.layerPath).corrupt('its keys are out of order')
    }
    node.begin(cursor.buf, cursor.keyStart)
    do {
      node.add(
        cursor.buf,
        cursor.keyStart + BUID_BYTES,
        cursor.keyEnd,
        cursor.valueBuf,
        cursor.valueStart,
        cursor.valueEnd,
      )
    } while (scan.next() && scan.keyBytes >= BUID_BYTES && node.has(cursor.buf, cursor.keyStart))
    this.nodes++
  }

  /**
   * Takes the node data of a buid; without a form it is recorded as an error, with the one that the source claims. Says
   * whether any was taken.
   */
  private takeData(
    scan: Scan | null,
    buid: Uint8Array,
    owner: number,
    form: string | null,
    claimed: string | null,
  ): boolean {
    if (scan === null) return false
    const lost: [Value, Value][] = []
    const before = this.data.count
    while (scan.isOpen && scan.hasBuid(buid)) {
      const { cursor } = scan
      const nameBytes: Uint8Array = Uint8Array.prototype.slice.call(
        cursor.buf,
        cursor.keyStart + BUID_BYTES,
        cursor.keyEnd,
      )
      const name = strictText(nameBytes)
      const packed = name === null ? null : packedName(name, null)
      const isSound = isMsgpack(cursor.valueBuf, cursor.valueStart, cursor.valueEnd)
      if (form === null || packed === null || !isSound || packed.length > MOST_NAME_BYTES) {
        lost.push([name ?? nameBytes, cursor.value()])
      } else {
        this.data.add(owner, this.translator.propNames.id(packed), cursor.value())
      }
      scan.next()
    }
    if (lost.length > 0) {
      this.errorCount += lost.length
      this.records.push(nodedataRecord(this.input.layer, buid, lost, claimed, form !== null))
    }
    return this.data.count > before
  }

  private emitRow(at: number): void {
    const { node, translator, keyOut } = this
    const i = translator.rows[at]
    const nameStart = node.nameStart[i] + translator.nameSkip[at]
    const flag = translator.flags[at]
    keyOut[BUID_BYTES] = flag
    let keyEnd = BUID_BYTES + 1
    if (flag !== Flag.ndef) {
      const nameBuf = node.nameBuf[i]
      const nameEnd = node.nameEnd[i]
      copySpan(keyOut, this.keyView, keyEnd, nameBuf, this.pageViewOf(nameBuf), nameStart, nameEnd)
      keyEnd += nameEnd - nameStart
    }
    const rowBuf = node.rowBuf[i]
    const valuStart = node.valuStart(i)
    const valuEnd = translator.valuEnd[at]
    const stor = translator.stor[at]
    this.rows++
    if (stor === null) {
      this.builder.add(keyOut, 0, keyEnd, rowBuf, valuStart, valuEnd)
      return
    }
    const form = translator.form
    const need = valuEnd - valuStart + stor.length + 1 + 64 + (form?.nameBytes.length ?? 0)
    if (need > this.valueOut.length) {
      this.valueOut = Buffer.alloc(need * 2)
      this.valueView = viewOf(this.valueOut)
    }
    const { valueOut } = this
    let end = 0
    if (flag === Flag.ndef && form !== null) {
      valueOut[end++] = 0x93
      valueOut.set(form.nameBytes, end)
      end += form.nameBytes.length
    } else valueOut[end++] = 0x92
    copySpan(valueOut, this.valueView, end, rowBuf, this.pageViewOf(rowBuf), valuStart, valuEnd)
    end += valuEnd - valuStart
    for (let n = 0; n < stor.length; n++) valueOut[end++] = stor[n]
    this.builder.add(keyOut, 0, keyEnd, valueOut, 0, end)
  }

  private pageViewOf(buf: Uint8Array): DataView {
    if (buf !== this.pageBuf) {
      this.pageBuf = buf
      this.pageView = keptViewOf(buf)
    }
    return this.pageView
  }

  private emitForm(formUtf8: Uint8Array): void {
    this.keyOut[BUID_BYTES] = Flag.form
    this.rows++
    this.builder.add(this.keyOut, 0, BUID_BYTES + 1, formUtf8, 0, formUtf8.length)
  }

  private finish(): void {
    const { translator, input } = this
    const summary = this.builder.finish()
    if (input.runPath === null) {
      this.sender.end(summary, this.records)
      return
    }
    const { props, tags, tagProps, tagForms } = translator.ranks(this.data.names)
    const run = new RunWriter(input.runPath)
    run.section('byprop', translator.byprop, props.rank, null, this.buids)
    run.section('byarray', translator.byarray, props.rank, null, this.buids)
    run.section('bytag', translator.bytag, tagForms.first, tagForms.second, this.buids)
    run.section('bytagprop', translator.bytagprop, tagProps.rank, null, this.buids)
    run.section('dataname', this.data.names, props.rank, null, this.buids)
    const start = run.position
    for (const i of this.data.order(props.rank)) {
      run.nodedata(
        this.buids,
        this.data.names.owners[i] * BUID_BYTES,
        props.rank[this.data.names.groups[i]],
        this.data.values[i],
      )
    }
    run.finish({
      propNames: props.sorted,
      tagNames: tags.sorted,
      tagPropNames: tagProps.sorted,
      nodedata: { start, end: run.position, count: this.data.count },
      extra: summary,
    })
    this.sender.end(summary, this.records)
  }

  private shortKey(step: 'nodes' | 'nodedata', scan: Scan): void {
    const key = scan.cursor.key()
    const mesg = `A row key is shorter than a buid: ${key.length} of ${BUID_BYTES} bytes`
    this.errorCount++
    this.records.push(
      recordOf(step, key, [
        ['mesg', mesg],
        ['rows', [[key, scan.cursor.value()]]],
        ['layer', this.input.layer],
        ['rule', 'ROW'],
      ]),
    )
    scan.next()
  }

  private countSourceForm(buf: Uint8Array, start: number, end: number): void {
    let form = this.formsByName.get(buf, start, end)
    if (form === undefined) {
      form = { name: Buffer.from(buf.subarray(start, end)).toString('utf8'), count: 0 }
      this.formsByName.add(buf, start, end, form)
      this.sourceForms.push(form)
    }
    form.count++
  }

  private owner(buid: Uint8Array): number {
    const owner = this.owners++
    if (this.owners * BUID_BYTES > this.buids.length) {
      const grown = new Uint8Array(this.buids.length * 2)
      grown.set(this.buids)
      this.buids = grown
    }
    this.buids.set(buid, owner * BUID_BYTES)
    return owner
  }
}

/** Rows of a `bybuid` whose buid lies in a range. */
class Scan {
  readonly cursor: RowCursor
  isOpen: boolean
  rows = 0

  constructor(
    slab: SlabReader,
    start: Uint8Array | null,
    private readonly end: Uint8Array | null,
  ) {
    const db = slab.db('bybuid')
    if (db === undefined) throw slab.corrupt('it has no database "bybuid"')
    this.cursor = db.cursor()
    this.isOpen = this.cursor.seek(start) && this.isWithin()
  }

  get keyBytes(): number {
    return this.cursor.keyEnd - this.cursor.keyStart
  }

  next(): boolean {
    this.rows++
    this.isOpen = this.cursor.next() && this.isWithin()
    return this.isOpen
  }

  hasBuid(buid: Uint8Array): boolean {
    const { buf, keyStart } = this.cursor
    if (this.keyBytes < BUID_BYTES) return false
    for (let i = 0; i < BUID_BYTES; i++) if (buf[keyStart + i] !== buid[i]) return false
    return true
  }

  isAbove(buid: Uint8Array): boolean {
    const { buf, keyStart } = this.cursor
    for (let i = 0; i < BUID_BYTES; i++) if (buf[keyStart + i] !== buid[i]) return buf[keyStart + i] > buid[i]
    return false
  }

  comesBefore(other: Scan): boolean {
    const a = this.cursor
    const b = other.cursor
    for (let i = 0; i < BUID_BYTES; i++) {
      const diff = a.buf[a.keyStart + i] - b.buf[b.keyStart + i]
      if (diff !== 0) return diff < 0
    }
    return false
  }

  private isWithin(): boolean {
    const { end } = this
    if (end === null) return true
    const { buf, keyStart, keyEnd } = this.cursor
    for (let i = 0; i < end.length && keyStart + i < keyEnd; i++) {
      const diff = buf[keyStart + i] - end[i]
      if (diff !== 0) return diff < 0
    }
    return keyEnd - keyStart < end.length
  }
}

/** Node data of a partition, kept until the ranks of the names are known. */
class NodedataRows {
  /** A row without index bytes for each value: its group is the name. */
  readonly names = new IndexRows()
  readonly values: Uint8Array[] = []

  get count(): number {
    return this.values.length
  }

  add(owner: number, name: number, value: Uint8Array): void {
    this.names.add(name, owner, this.names.used)
    this.values.push(value)
  }

  /** By buid, then by the rank of the name. */
  order(rank: Int32Array): number[] {
    const order = this.values.map((_, i) => i)
    const { owners, groups } = this.names
    return order.sort((a, b) => owners[a] - owners[b] || rank[groups[a]] - rank[groups[b]])
  }
}

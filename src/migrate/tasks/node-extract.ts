import type { MessagePort } from 'node:worker_threads'
import { BUID_BYTES } from '../../bytes/buid.js'
import { type ByteList, itemOf } from '../../bytes/byte-list.js'
import { assert } from '../../errors.js'
import { KernelIndexRows } from '../../kernel/index-rows.js'
import { INDEX_DBS, type IndexDb, perDb } from '../../layout/dest-dbs.js'
import { LeafBuilder } from '../../page/leaf-builder.js'
import type { LeafSummary } from '../../page/page-chunk.js'
import { RunWriter } from '../../run/run-file.js'
import { FormCounts } from '../../stream/form-counts.js'
import { type NodeSource, NodeStream, type ShortKey } from '../../stream/node-stream.js'
import { isLeftOver, nodedataRecord, nodeRecord, shortKeyRecord } from '../../stream/quarantine.js'
import { forgetOtherRanks, rankGroups } from '../../stream/rank-groups.js'
import type { UsualNodes } from '../../stream/usual-nodes.js'
import { workerTranslator } from '../../stream/worker-state.js'
import { ChunkSender, type Credits, type PackedRecord } from '../../thread/chunk-sender.js'
import type { NodeTranslator } from '../../translate/node.js'

export interface NodeExtractInput extends NodeSource {
  /** The first of the partitions. */
  readonly partition: number
  /** Half-open range of buids; null means unbounded. */
  readonly start: Uint8Array | null
  readonly end: Uint8Array | null
  /** The borders between its partitions. */
  readonly borders: ByteList
  /** Where to write the sorted index rows, a run for each partition; null to keep nothing. */
  readonly runPath: string | null
  readonly stream: number
  readonly port: MessagePort
  readonly credits: Credits
}

/** What a file of runs says besides its rows: all that the coordinator needs once the file is on disk. */
export interface NodeExtractCounts {
  /** The first partition. */
  readonly partition: number
  /** Rows of the source's `bybuid` and of its node data in the range. */
  readonly sourceRows: number
  readonly nodedataRows: number
  /** Nodes read, and those translated. */
  readonly nodes: number
  readonly migrated: number
  /** Nodes translated without one or more of their values. */
  readonly reduced: number
  readonly nodedataMigrated: number
  readonly errorCount: number
  /**
   * Translated nodes that got their form from another layer; translated nodes with a value that the reference refuses;
   * tag props that the reference stores as another type.
   */
  readonly partialNodes: number
  readonly keptValues: number
  readonly typedTagProps: number
  /** Form rows read, and ndef rows written, by form. */
  readonly sourceForms: readonly (readonly [string, number])[]
  readonly forms: readonly (readonly [string, number])[]
  /** Rows written to the destination's `bybuid`. */
  readonly rows: number
  readonly lastBuid: Uint8Array | null
  /** Buids of partial nodes with unknown form, end to end. */
  readonly unresolved: Uint8Array
}

/**
 * Reads consecutive partitions from the source, translates their nodes and node data, sends the finished `bybuid` pages
 * to the writer, and writes the sorted rows of all other databases to a file, a run for each partition. Only the rows of
 * one partition are in memory.
 */
export function extractNodes(input: NodeExtractInput): NodeExtractCounts {
  const task = new NodeExtract(input)
  try {
    return task.extract()
  } finally {
    task.close()
  }
}

class NodeExtract {
  private readonly input: NodeExtractInput
  private readonly translator: NodeTranslator
  private readonly stream: NodeStream
  private readonly usual: UsualNodes
  private readonly builder: LeafBuilder
  private readonly sender: ChunkSender
  private readonly records: PackedRecord[] = []
  private readonly run: RunWriter | null
  private readonly data = new NodedataRows()
  private readonly rows: Readonly<Record<IndexDb, KernelIndexRows>>
  private nodedataCount = 0
  private readonly forms = new FormCounts()
  private readonly usualForms = new Map<string, number>()
  private typedTagProps = 0
  private nodes = 0
  private migrated = 0
  private reduced = 0
  private partial = 0
  private errors = 0

  constructor(input: NodeExtractInput) {
    this.input = input
    this.translator = workerTranslator(input.model, { checks: input.checks, layer: input.layer })
    this.sender = new ChunkSender(input.port, input.stream, input.credits)
    this.builder = new LeafBuilder({ dupSort: false, emit: (chunk) => this.sender.send(chunk) })
    const shortKey: ShortKey = (step, key, value) => this.shortKey(step, key, value)
    this.stream = new NodeStream(input, this.translator, shortKey, this.builder)
    this.usual = usualOf(this.stream)
    this.rows = { ...this.usual.indexes, dataname: this.data.names }
    this.run = input.runPath === null ? null : new RunWriter(input.runPath)
  }

  extract(): NodeExtractCounts {
    const { stream, input } = this
    const { start, borders, end } = input
    const count = borders.ends.length
    stream.seek(start, count === 0 ? end : itemOf(borders, 0), end)
    this.readAll()
    this.endPartition()
    for (let border = 1; border <= count; border++) {
      stream.goOn(border === count ? end : itemOf(borders, border))
      this.readAll()
      this.endPartition()
    }
    this.countUsual()
    const { entries } = this.finish()
    return {
      partition: input.partition,
      sourceRows: stream.nodeRows.rows,
      nodedataRows: stream.dataRows.rows,
      nodes: this.nodes,
      migrated: this.migrated,
      reduced: this.reduced,
      nodedataMigrated: this.nodedataCount,
      errorCount: this.errors,
      partialNodes: this.partial,
      keptValues: this.translator.keptValues,
      typedTagProps: this.typedTagProps + this.translator.typedTagProps,
      sourceForms: [...added(this.forms.entries(), this.usualForms)],
      forms: [...this.formsWritten()],
      rows: entries,
      lastBuid: this.nodes > 0 ? stream.lastBuid() : null,
      unresolved: Buffer.concat(stream.unresolved),
    }
  }

  close(): void {
    this.run?.close()
  }

  /**
   * Only the loop: V8 optimizes a function while it runs, and would have to discard the code if something followed the
   * loop.
   */
  private readAll(): void {
    const stream = this.stream
    while (stream.next()) {
      if (stream.hasNode && stream.usualNode === null) this.count()
      if (stream.dataCount > 0) this.takeData()
      if (stream.lostData.length > 0) this.loseData()
      stream.writeRows(this.builder)
    }
  }

  private count(): void {
    const { node, formRow, outcome, form, known } = this.stream
    this.nodes++
    if (formRow >= 0) this.forms.add(node.nameBuf[formRow], node.nameStart[formRow] + 1, node.nameEnd[formRow])
    if (form !== null) this.migrated++
    if (known !== null && form !== null) this.partial++
    if (outcome === null) return
    this.errors++
    if (form !== null) this.reduced++
    this.records.push(nodeRecord(this.input.layer, node, outcome.failure, outcome.kept, known))
  }

  /** Counts the nodes that the kernel has translated. */
  private countUsual(): void {
    const { nodes, typed, forms } = this.usual.takeCounts()
    this.nodes += nodes
    this.migrated += nodes
    this.typedTagProps += typed
    for (const [form, count] of forms) this.usualForms.set(form, count + (this.usualForms.get(form) ?? 0))
  }

  private formsWritten(): Map<string, number> {
    return added(this.translator.formCounts, this.usualForms)
  }

  private takeData(): void {
    const { owner, dataCount, dataNames, dataValues, hasNode } = this.stream
    if (!hasNode) this.partial++
    const { propNames } = this.translator.plans
    for (let i = 0; i < dataCount; i++) this.data.add(owner, propNames.id(dataNames[i]), dataValues[i])
  }

  private loseData(): void {
    if (!isLeftOver(this.input, this.stream)) this.errors += this.stream.lostData.length
    this.records.push(nodedataRecord(this.input, this.stream))
  }

  private shortKey(step: 'nodes' | 'nodedata', key: Uint8Array, value: Uint8Array): void {
    this.errors++
    this.records.push(shortKeyRecord(this.input.layer, step, key, value))
  }

  /** Writes the run of a partition. */
  private endPartition(): void {
    const { translator, usual, data, run } = this
    this.nodedataCount += data.count
    if (run !== null) {
      usual.keepIndexRows()
      forgetOtherRanks(translator.plans, this.rows)
      for (const db of INDEX_DBS) this.writeSection(run, db)
      if (data.count > 0) this.writeData(run)
      run.endRun()
    }
    usual.nextRun()
    data.nextRun()
  }

  private writeSection(run: RunWriter, db: IndexDb): void {
    const { translator, usual, rows } = this
    if (run.section(db, rows[db], usual.buidsAt())) return
    rankGroups(translator.plans, rows)
    const isWritten = run.section(db, rows[db], usual.buidsAt())
    assert(isWritten, () => `groups of "${db}" have no rank`)
  }

  private writeData(run: RunWriter): void {
    const { translator, usual, data } = this
    const buids = usual.buids()
    const order = data.order(translator.plans.propPlaces)
    const { owners, groups } = data.names
    for (const i of order) {
      run.nodedata(buids, owners[i] * BUID_BYTES, data.numberOf(groups[i]), data.values[i])
    }
  }

  private finish(): LeafSummary {
    const { translator, data, run } = this
    const summary = this.builder.finish()
    if (run !== null) {
      const { names, of } = translator.plans.ranks(perDb(INDEX_DBS, (db) => run.groups(db)))
      const { prop, tag, tagProp } = names
      const lists = { propNames: prop.sorted, tagNames: tag.sorted, tagPropNames: tagProp.sorted }
      run.finish(
        lists,
        Int32Array.from(data.numbered, (name) => prop.rank[name]),
        (db) => of(db as IndexDb),
      )
    }
    this.sender.end(summary, this.records)
    return summary
  }
}

function usualOf({ usual }: NodeStream): UsualNodes {
  if (usual === null) throw new TypeError('A stream with a builder translates usual nodes')
  return usual
}

/** The sums by name. Names that are no UTF-8 may read alike. */
function added(...counts: readonly Iterable<readonly [string, number]>[]): Map<string, number> {
  const sum = new Map<string, number>()
  for (const list of counts) for (const [name, count] of list) sum.set(name, count + (sum.get(name) ?? 0))
  return sum
}

const NO_INDEX = new Uint8Array(0)
let nameRows: KernelIndexRows | null = null

/** The rows of node data of this thread's tasks, which come one after the other. */
function dataNames(): KernelIndexRows {
  nameRows ??= KernelIndexRows.make()
  nameRows.clear()
  return nameRows
}

/** Node data of a partition, kept until the ranks of the names are known. */
class NodedataRows {
  /** One row without index bytes for each value; its group is the name. */
  readonly names = dataNames()
  readonly values: Uint8Array[] = []
  /** The names of the task, by the number that its rows have. */
  readonly numbered: number[] = []
  private readonly numbers = new Map<number, number>()

  get count(): number {
    return this.values.length
  }

  add(owner: number, name: number, value: Uint8Array): void {
    this.names.add(name, owner, NO_INDEX, 0, 0)
    this.values.push(value)
  }

  /** The order by buid, then by the rank of the name. */
  order(rank: Int32Array): number[] {
    const order = this.values.map((_, i) => i)
    const { owners, groups } = this.names.look()
    return order.sort((a, b) => owners[a] - owners[b] || rank[groups[a]] - rank[groups[b]])
  }

  numberOf(name: number): number {
    const known = this.numbers.get(name)
    if (known !== undefined) return known
    const number = this.numbered.push(name) - 1
    this.numbers.set(name, number)
    return number
  }

  nextRun(): void {
    this.names.clear()
    this.values.length = 0
  }
}

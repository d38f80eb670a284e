import { BUID_BYTES } from '../../bytes/buid.js'
import { decode, decodeOr, encode, PackMap, pyEquals, type Value } from '../../bytes/msgpack.js'
import type { RowSink } from '../../bytes/spans.js'
import { LOG_DB } from '../../dest/migration-log.js'
import {
  DEST_DBS,
  INDEX_DBS,
  type IndexDb,
  isOfElements,
  NODE_INDEX_DBS,
  type NodeIndexDb,
  perDb,
} from '../../layout/dest-dbs.js'
import type { SlabReader } from '../../page/page-reader.js'
import { AbrvNames } from '../../stream/abrv-names.js'
import { FormCounts } from '../../stream/form-counts.js'
import { type NodeSource, NodeStream } from '../../stream/node-stream.js'
import { isLeftOver } from '../../stream/quarantine.js'
import { RangeScan } from '../../stream/range-scan.js'
import { type DigestTable, RowDigest } from '../../stream/row-digest.js'
import { openSource, workerModel } from '../../stream/worker-state.js'
import { NodeTranslator } from '../../translate/node.js'
import type { GroupName } from '../../translate/node-plans.js'
import { Flag } from '../../translate/node-rows.js'
import type { ListedRow, RowDifference } from './verify-rows.js'

/** How many differences a task describes; it counts all. */
const MOST_DIFFERENCES = 1000

export interface BuidRange {
  readonly start: Uint8Array | null
  readonly end: Uint8Array | null
}

export interface VerifyNodesInput extends NodeSource {
  /** Slabs of the destination. */
  readonly destLayerPath: string
  readonly destNodedataPath: string | null
  readonly logPath: string | null
  /** Whether records of the log name their layer. The reference's do not, and store the content in another form. */
  readonly isOurs: boolean
  /** Half-open ranges of buids, ascending. */
  readonly ranges: readonly BuidRange[]
  /** How to compare index rows: `digest` them, `lookup` each, or `list` those of some buckets, by db. */
  readonly index: 'digest' | 'lookup' | { readonly list: Readonly<Record<IndexDb, readonly number[]>> }
}

export interface VerifyNodesResult {
  readonly sourceRows: number
  readonly nodedataRows: number
  readonly nodes: number
  /** Rows of the destination compared one by one. */
  readonly rows: number
  readonly dataRows: number
  readonly indexRows: number
  /** Nodes and node data that were not migrated and are in the migration log, by step. */
  readonly errors: { readonly nodes: number; readonly nodedata: number }
  /** Errors as a migration counts them: no leftover node data, and each lost value of other node data separately. */
  readonly errorCount: number
  /** Form rows read, and ndef rows that the destination must have, by form. */
  readonly sourceForms: readonly (readonly [string, number])[]
  readonly forms: readonly (readonly [string, number])[]
  /** The last node read. */
  readonly lastBuid: Uint8Array | null
  readonly differences: readonly RowDifference[]
  readonly differenceCount: number
  readonly tables: Readonly<Record<IndexDb, DigestTable>>
  readonly listed: readonly ListedRow[]
  /** Buids of partial nodes with unknown form, end to end. */
  readonly unresolved: Uint8Array
}

/**
 * Reads ranges of buids from the source, translates their nodes and node data again, and compares each row with the
 * destination's. Reads only pages. Shares no code with what wrote the destination, except the translation of nodes.
 */
export function verifyNodes(input: VerifyNodesInput): VerifyNodesResult {
  return new NodeVerifier(input).run()
}

class NodeVerifier {
  private readonly translator: NodeTranslator
  private readonly names: AbrvNames
  private readonly stream: NodeStream
  private readonly destRows: RangeScan
  private readonly destData: RangeScan
  private readonly log: SlabReader | null
  private readonly digests: Record<IndexDb, RowDigest>
  private readonly listed: ListedRow[] = []
  private readonly differences: RowDifference[] = []
  private differenceCount = 0
  private readonly errors = { nodes: 0, nodedata: 0 }
  private errorCount = 0
  private readonly sourceForms = new FormCounts()
  private nodes = 0
  private rows = 0
  private expectedData = 0
  private indexRows = 0
  private readonly dataNames: { owner: number; name: Uint8Array }[] = []
  private readonly key = Buffer.alloc(1024)
  /** Receives the rows that `bybuid` must have. */
  private readonly nodeSink: RowSink = {
    add: (key, keyStart, keyEnd, value, valueStart, valueEnd) => {
      this.rows++
      this.expect('bybuid', this.destRows, key, keyStart, keyEnd, value, valueStart, valueEnd)
    },
  }

  constructor(private readonly input: VerifyNodesInput) {
    const dest = openSource(input.destLayerPath)
    const destData = input.destNodedataPath === null ? null : openSource(input.destNodedataPath)
    this.translator = new NodeTranslator(workerModel(input.model), { checks: input.checks, layer: input.layer })
    this.names = AbrvNames.of(dest)
    this.stream = new NodeStream(input, this.translator, (step, key, value) => {
      this.errorCount++
      this.failed(step, key, 'rows', [[key, value]])
    })
    this.destRows = new RangeScan(dest, 'bybuid')
    this.destData = new RangeScan(destData, 'nodedata')
    this.log = input.logPath === null ? null : openSource(input.logPath)
    this.digests = perDb(INDEX_DBS, () => new RowDigest())
  }

  run(): VerifyNodesResult {
    for (const range of this.input.ranges) this.range(range)
    this.indexes()
    return {
      sourceRows: this.stream.nodeRows.rows,
      nodedataRows: this.stream.dataRows.rows,
      nodes: this.nodes,
      rows: this.rows,
      dataRows: this.expectedData,
      indexRows: this.indexRows,
      errors: this.errors,
      errorCount: this.errorCount,
      sourceForms: this.sourceForms.entries(),
      forms: [...this.translator.formCounts],
      lastBuid: this.nodes > 0 ? Uint8Array.from(this.stream.node.buid) : null,
      differences: this.differences,
      differenceCount: this.differenceCount,
      tables: perDb(INDEX_DBS, (db) => this.digests[db].table),
      listed: this.listed,
      unresolved: Buffer.concat(this.stream.unresolved),
    }
  }

  private range({ start, end }: BuidRange): void {
    const { stream, destRows, destData } = this
    for (const scan of [stream, destRows, destData]) scan.seek(start, end)
    while (stream.next()) this.oneNode()
    while (destRows.isOpen) this.extra('bybuid', destRows)
    while (destData.isOpen) this.extra('nodedata', destData)
  }

  private oneNode(): void {
    const { stream } = this
    const { node, outcome, form } = stream
    if (stream.hasNode) this.countNode()
    if (stream.lostData.length > 0 && !isLeftOver(this.input, stream)) this.errorCount += stream.lostData.length
    if (outcome !== null) this.failed('nodes', node.buid, 'node', node.toRecord())
    if (stream.lostData.length > 0) this.failed('nodedata', stream.buid, 'nodedata', new PackMap(stream.lostData))
    if (stream.hasNode && form !== null && outcome === null) this.allCovered()
    stream.writeRows(this.nodeSink)
    if (stream.dataCount > 0) this.data()
  }

  private countNode(): void {
    const { node, formRow, outcome } = this.stream
    this.nodes++
    if (formRow >= 0) this.sourceForms.add(node.nameBuf[formRow], node.nameStart[formRow] + 1, node.nameEnd[formRow])
    if (outcome !== null) this.errorCount++
  }

  /** A check that does not depend on how we translate rows: each source row must be in some row of the destination. */
  private allCovered(): void {
    const { node } = this.stream
    const covered = this.translator.rows.sources()
    for (let i = 0; i < node.count; i++) {
      if (covered.has(i)) continue
      const row = `source row ${Buffer.from(node.name(i)).toString('utf8')}`
      const expected = node.rowBuf[i].slice(node.rowStart[i], node.rowEnd[i])
      this.differs({ kind: 'missing', db: 'bybuid', buid: Uint8Array.from(node.buid), row, expected, found: null })
    }
  }

  private data(): void {
    const { owner, buid, dataCount, dataNames, dataValues } = this.stream
    const rows = Array.from({ length: dataCount }, (_, i) => {
      return { name: dataNames[i], value: dataValues[i], abrv: this.names.of('prop', dataNames[i]) }
    })
    rows.sort((a, b) => Buffer.compare(a.abrv, b.abrv))
    for (const { name, value, abrv } of rows) {
      this.key.set(buid)
      this.key.set(abrv, BUID_BYTES)
      this.expectedData++
      this.expect('nodedata', this.destData, this.key, 0, BUID_BYTES + 8, value, 0, value.length, name)
      this.dataNames.push({ owner, name })
    }
  }

  /** The destination's next row must be this one; rows before it are extra. */
  private expect(
    db: 'bybuid' | 'nodedata',
    scan: RangeScan,
    keyBuf: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    start: number,
    end: number,
    name?: Uint8Array,
  ): void {
    const wanted = keyBuf.subarray(keyStart, keyEnd)
    while (scan.isOpen && scan.compareKey(wanted, wanted.length) < 0) this.extra(db, scan)
    const isThere = scan.isOpen && scan.compareKey(wanted, wanted.length) === 0
    if (!isThere || !scan.hasValue(value, start, end)) {
      const key = Uint8Array.from(wanted)
      this.differs({
        kind: isThere ? 'different' : 'missing',
        db,
        buid: key.subarray(0, BUID_BYTES),
        row: db === 'bybuid' ? nodeRowText(key) : `data ${nameText(name ?? key.subarray(BUID_BYTES))}`,
        expected: Uint8Array.from(value.subarray(start, end)),
        found: isThere ? scan.cursor.value() : null,
      })
    }
    if (isThere) scan.next()
  }

  private extra(db: 'bybuid' | 'nodedata', scan: RangeScan): void {
    const key = scan.cursor.key()
    const row = db === 'bybuid' ? nodeRowText(key) : `data ${nameText(this.names.propName(key.subarray(BUID_BYTES)))}`
    this.differs({
      kind: 'extra',
      db,
      buid: key.subarray(0, BUID_BYTES),
      row,
      expected: null,
      found: scan.cursor.value(),
    })
    scan.next()
  }

  /** What was not migrated must be complete in the migration log. */
  private failed(step: 'nodes' | 'nodedata', key: Uint8Array, field: string, content: Value): void {
    this.errors[step]++
    const record = this.logged(step, key)
    const isSame = record !== undefined && (!this.input.isOurs || sameBytes(record.get(field), content))
    if (isSame) return
    this.differs({
      kind: record === undefined ? 'missing' : 'different',
      db: 'errors',
      buid: Uint8Array.from(key),
      row: `${step} record of the migration log`,
      expected: encode(content),
      found: record === undefined ? null : encode(record.get(field) ?? null),
    })
  }

  /**
   * This layer's error record for a buid. If several layers have one, the first record holds the others in its list
   * `more`.
   */
  private logged(step: string, key: Uint8Array): PackMap | undefined {
    const value = this.log?.db(LOG_DB)?.get(Buffer.concat([Buffer.from(`${step}\0error\0`), key]))
    const first = value === undefined ? null : decodeOr(null, value)
    if (!this.input.isOurs && first !== null) return first instanceof PackMap ? first : new PackMap([])
    if (!(first instanceof PackMap)) return undefined
    const more = first.get('more')
    return [first, ...(Array.isArray(more) ? more : [])].find(
      (record): record is PackMap =>
        record instanceof PackMap && pyEquals(record.get('layer') ?? null, this.input.layer),
    )
  }

  private indexes(): void {
    for (const db of NODE_INDEX_DBS) this.indexDb(db)
    for (const { owner, name } of this.dataNames) {
      this.key.set(this.names.of('prop', name))
      this.indexRow('dataname', 8, owner, () => nameText(name))
    }
  }

  private indexDb(db: NodeIndexDb): void {
    const rows = this.translator.indexes[db]
    const names = (group: number) => this.translator.plans.groupNames(db, group)
    const heads = new Map<number, Uint8Array>()
    const distinct = isOfElements(db) ? new DistinctKeys() : null
    for (let i = 0; i < rows.count; i++) {
      const group = rows.groups[i]
      let head = heads.get(group)
      if (head === undefined) {
        head = Buffer.concat(names(group).map(({ kind, name }) => this.names.of(kind, name)))
        heads.set(group, head)
      }
      this.key.set(head)
      const start = rows.starts[i]
      const bytes = rows.lengths[i]
      for (let n = 0; n < bytes; n++) this.key[head.length + n] = rows.bytes[start + n]
      if (distinct?.isNew(rows.owners[i], this.key.subarray(0, head.length + bytes)) === false) continue
      this.indexRow(db, head.length + bytes, rows.owners[i], () => groupText(names(group)))
    }
  }

  private indexRow(db: IndexDb, keyEnd: number, owner: number, name: () => string): void {
    const { index } = this.input
    const { key } = this
    const { buids } = this.stream
    const at = owner * BUID_BYTES
    this.indexRows++
    if (index === 'lookup') {
      this.lookup(db, key.subarray(0, keyEnd), buids.subarray(at, at + BUID_BYTES), name())
      return
    }
    const bucket = this.digests[db].add(key, 0, keyEnd, buids, at, at + BUID_BYTES)
    if (index === 'digest' || !index.list[db].includes(bucket)) return
    const row = { key: Uint8Array.from(key.subarray(0, keyEnd)), value: buids.slice(at, at + BUID_BYTES) }
    this.listed.push({ db, ...row, name: name() })
  }

  private lookup(db: IndexDb, key: Uint8Array, buid: Uint8Array, name: string): void {
    const path = DEST_DBS[db].slab === 'nodedata' ? this.input.destNodedataPath : this.input.destLayerPath
    if (path !== null && openSource(path).db(db)?.has(key, buid) === true) return
    const row = `index ${name}`
    this.differs({ kind: 'missing', db, buid: Uint8Array.from(buid), row, expected: Uint8Array.from(key), found: null })
  }

  private differs(difference: RowDifference): void {
    this.differenceCount++
    if (this.differences.length < MOST_DIFFERENCES) this.differences.push(difference)
  }
}

/** Counts the distinct keys of one node; rows come node by node. */
class DistinctKeys {
  private owner = -1
  private readonly keys = new Set<string>()

  isNew(owner: number, key: Uint8Array): boolean {
    if (owner !== this.owner) this.keys.clear()
    this.owner = owner
    const text = Buffer.from(key).toString('latin1')
    if (this.keys.has(text)) return false
    this.keys.add(text)
    return true
  }
}

/** A key of the destination's `bybuid` in words. */
function nodeRowText(key: Uint8Array): string {
  const name = Buffer.from(key.subarray(BUID_BYTES + 1)).toString('utf8')
  switch (key[BUID_BYTES]) {
    case Flag.ndef:
      return 'ndef'
    case Flag.prop:
      return `prop ${name.startsWith('.') ? '' : ':'}${name}`
    case Flag.tag:
      return `tag #${name}`
    case Flag.tagProp:
      return `tagprop #${name}`
    case Flag.form:
      return 'form'
    default:
      return `row ${Buffer.from(key.subarray(BUID_BYTES)).toString('hex')}`
  }
}

/** The names at the start of a key, in words. */
export function groupText(names: readonly GroupName[]): string {
  return names
    .map(({ kind, name }) => (kind === 'tag' ? `#${Buffer.from(name).toString('utf8')}` : nameText(name)))
    .join(' ')
}

/** A packed name of the abbreviation tables, `[form, prop]` or `[form, tag, prop]`, in words. */
export function nameText(packed: Uint8Array): string {
  try {
    const parts = decode(packed)
    if (Array.isArray(parts)) return parts.filter((part) => part !== null).join(' ')
  } catch {
    // Not a packed name: show it unchanged.
  }
  return Buffer.from(packed).toString('hex')
}

function sameBytes(a: Value | undefined, b: Value): boolean {
  return a !== undefined && Buffer.compare(encode(a), encode(b)) === 0
}

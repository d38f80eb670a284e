import type { ByteList } from '../bytes/byte-list.js'
import { INDEX_DBS, type IndexDb, perDb } from '../layout/dest-dbs.js'
import type { LayerNodesResult } from '../migrate/layer-nodes.js'
import { addTable, type DigestTable, emptyTable } from '../stream/row-digest.js'
import type { Difference } from './report.js'
import type { VerifyNodesResult } from './tasks/verify-nodes.js'
import type { VerifySplicesResult } from './tasks/verify-splices.js'

/** Sums over the ranges of a layer. */
export interface Totals {
  nodes: number
  rows: number
  dataRows: number
  indexRows: number
  sourceRows: number
  nodedataRows: number
  readonly errors: { nodes: number; nodedata: number }
  errorCount: number
  lastBuid: Uint8Array | null
  readonly sourceForms: Map<string, number>
  readonly forms: Map<string, number>
  readonly tables: Record<IndexDb, DigestTable>
}

export function newTotals(): Totals {
  return {
    nodes: 0,
    rows: 0,
    dataRows: 0,
    indexRows: 0,
    sourceRows: 0,
    nodedataRows: 0,
    errors: { nodes: 0, nodedata: 0 },
    errorCount: 0,
    lastBuid: null,
    sourceForms: new Map(),
    forms: new Map(),
    tables: perDb(INDEX_DBS, () => emptyTable()),
  }
}

export function addResult(totals: Totals, result: VerifyNodesResult): void {
  totals.nodes += result.nodes
  totals.rows += result.rows
  totals.dataRows += result.dataRows
  totals.indexRows += result.indexRows
  totals.sourceRows += result.sourceRows
  totals.nodedataRows += result.nodedataRows
  totals.errors.nodes += result.errors.nodes
  totals.errors.nodedata += result.errors.nodedata
  totals.errorCount += result.errorCount
  const { lastBuid } = result
  if (lastBuid !== null && (totals.lastBuid === null || Buffer.compare(totals.lastBuid, lastBuid) < 0))
    totals.lastBuid = lastBuid
  for (const [form, count] of result.sourceForms)
    totals.sourceForms.set(form, (totals.sourceForms.get(form) ?? 0) + count)
  for (const [form, count] of result.forms) totals.forms.set(form, (totals.forms.get(form) ?? 0) + count)
  for (const db of INDEX_DBS) addTable(totals.tables[db], result.tables[db])
}

/** How far the comparison of a layer has come: plain data, as saved to disk. */
export interface LayerState {
  readonly differences: Difference[]
  differenceCount: number
  isCountExact: boolean
  readonly walked: Set<string>
  borders: ByteList | null
  /** Ranges of nodes compared so far, and their totals. */
  readonly ranges: Set<number>
  totals: Totals | null
  indexParts: IndexPart[] | null
  /** Parts of the index databases digested so far, and their digests. */
  readonly digested: Set<number>
  found: Record<IndexDb, DigestTable> | null
  nodes: { nodes: number; rows: number; indexRows: number; nodedata: number; errors: number } | null
  /** What the migration log must say; null when we did not read all nodes. */
  counts: LayerCounts | null
  /** What could not be compared, in words. */
  readonly notCompared: string[]
  starts: number[] | null
  /** Ranges of splices translated so far, and ranges whose node edits are compared. */
  readonly translated: Map<number, VerifySplicesResult>
  readonly edits: Set<number>
  history: { splices: number; failures: number; rows: number } | null
}

/** What a migration records of the nodes and the node data of a layer. */
export type LayerCounts = Pick<
  LayerNodesResult,
  'nodes' | 'sourceForms' | 'forms' | 'lastBuid' | 'nodedata' | 'nodedataMigrated'
>

export interface IndexPart {
  readonly path: string
  readonly layerPath: string
  readonly db: IndexDb
  readonly start: Uint8Array | null
  readonly end: Uint8Array | null
}

export function newState(): LayerState {
  return {
    differences: [],
    differenceCount: 0,
    isCountExact: true,
    walked: new Set(),
    borders: null,
    ranges: new Set(),
    totals: null,
    indexParts: null,
    digested: new Set(),
    found: null,
    nodes: null,
    counts: null,
    notCompared: [],
    starts: null,
    translated: new Map(),
    edits: new Set(),
    history: null,
  }
}

import { INDEX_DBS, type IndexDb } from '../layout/dest-dbs.js'
import { addTable, type DigestTable, emptyTable } from '../stream/row-digest.js'
import type { Difference } from './report.js'
import { recordOf, type VerifyNodesResult } from './tasks/verify-nodes.js'
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
    forms: new Map(),
    tables: recordOf(() => emptyTable()),
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
  for (const [form, count] of result.forms) totals.forms.set(form, (totals.forms.get(form) ?? 0) + count)
  for (const db of INDEX_DBS) addTable(totals.tables[db], result.tables[db])
}

/** How far the comparison of a layer has come: data only, as it is written down. */
export interface LayerState {
  readonly differences: Difference[]
  differenceCount: number
  isCountExact: boolean
  readonly walked: Set<string>
  borders: Uint8Array[] | null
  /** Ranges of nodes that are compared, and what they sum up to. */
  readonly ranges: Set<number>
  totals: Totals | null
  indexParts: IndexPart[] | null
  /** Parts of the index databases that are digested, and their digests. */
  readonly digested: Set<number>
  found: Record<IndexDb, DigestTable> | null
  nodes: { nodes: number; rows: number; indexRows: number; nodedata: number; errors: number } | null
  starts: number[] | null
  /** Ranges of splices that are translated, then those whose node edits are compared. */
  readonly translated: Map<number, VerifySplicesResult>
  readonly edits: Set<number>
  history: { splices: number; failures: number; rows: number } | null
}

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
    starts: null,
    translated: new Map(),
    edits: new Set(),
    history: null,
  }
}

import type { NodeExtractCounts } from './tasks/node-extract.js'

const SUMMED = [
  'sourceRows',
  'nodedataRows',
  'nodes',
  'migrated',
  'reduced',
  'nodedataMigrated',
  'errorCount',
  'partialNodes',
  'keptValues',
  'typedTagProps',
  'rows',
] as const satisfies readonly (keyof NodeExtractCounts)[]

/** The sums of partitions' counts. Keeps nothing per partition. */
export class NodeTotals {
  readonly sums = Object.fromEntries(SUMMED.map((name) => [name, 0])) as Record<(typeof SUMMED)[number], number>
  private readonly sourceForms = new Map<string, number>()
  private readonly forms = new Map<string, number>()
  private last: { readonly partition: number; readonly buid: Uint8Array } | null = null

  /** The totals of a checkpoint's streams, some of which may have no counts. */
  static of(streams: readonly { readonly counts?: NodeExtractCounts | undefined }[]): NodeTotals {
    const totals = new NodeTotals()
    for (const { counts } of streams) if (counts !== undefined) totals.add(counts)
    return totals
  }

  /** Adds a partition, in any order. */
  add(counts: NodeExtractCounts): void {
    for (const name of SUMMED) this.sums[name] += counts[name]
    for (const [form, count] of counts.sourceForms) {
      this.sourceForms.set(form, (this.sourceForms.get(form) ?? 0) + count)
    }
    for (const [form, count] of counts.forms) this.forms.set(form, (this.forms.get(form) ?? 0) + count)
    const { partition, lastBuid } = counts
    if (lastBuid !== null && partition >= (this.last?.partition ?? 0)) this.last = { partition, buid: lastBuid }
  }

  whole(): NodeExtractCounts {
    return {
      partition: 0,
      ...this.sums,
      sourceForms: inOrder(this.sourceForms),
      forms: inOrder(this.forms),
      lastBuid: this.last?.buid ?? null,
      unresolved: new Uint8Array(0),
    }
  }
}

/** Sorted by name: partitions end in any order, but equal results must give equal checkpoints. */
function inOrder(counts: ReadonlyMap<string, number>): [string, number][] {
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1))
}

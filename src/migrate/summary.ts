/** What became of one layer. */
export interface LayerSummary {
  readonly iden: string
  readonly nodes: number
  readonly migrated: number
  /** Nodes migrated without a value that 2.x cannot hold. */
  readonly reduced: number
  readonly nodedata: number
  readonly nodedataMigrated: number
  readonly splices: number
  readonly nodeEdits: number
  readonly spliceErrors: number
  readonly errorCount: number
}

/** What a migration ends with. */
export interface MigrateSummary {
  readonly srcDir: string
  readonly destDir: string
  readonly elapsedMs: number
  readonly layers: readonly LayerSummary[]
  /** Errors recorded by all steps of this run. */
  readonly errorCount: number
  /** What the operator should know or do. */
  readonly notes: readonly string[]
}

/** The summary as people read it. */
export function summaryText(summary: MigrateSummary): string {
  const lines = [`Migrated ${summary.srcDir} to ${summary.destDir} in ${(summary.elapsedMs / 1000).toFixed(1)} s`]
  for (const layer of summary.layers) {
    lines.push(
      `  layer ${layer.iden}: ${n(layer.migrated)} of ${n(layer.nodes)} nodes, ` +
        `${n(layer.nodedataMigrated)} of ${n(layer.nodedata)} nodedata, ` +
        `${n(layer.splices - layer.spliceErrors)} of ${n(layer.splices)} splices as ${n(layer.nodeEdits)} node edits`,
    )
  }
  for (const note of summary.notes) lines.push(`  note: ${note}`)
  if (summary.errorCount === 0) lines.push('  no errors')
  else {
    lines.push(`  ${n(summary.errorCount)} errors: what they name was not migrated, it is kept in the migration log`)
    lines.push(`  see them with: migrate_020 --src ${summary.srcDir} --dest ${summary.destDir} --dump-errors`)
  }
  return `${lines.join('\n')}\n`
}

function n(value: number): string {
  return value.toLocaleString('en-US')
}

import type { ErrorKind } from '../dest/error-counts.js'
import { errorKindInfo } from '../layout/error-record.js'
import { counted, count as n, rowLines } from '../text/table.js'
import type { DifferenceCounts } from './differences.js'

/** The result for one layer. */
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

/** The result of a migration. */
export interface MigrateSummary {
  readonly srcDir: string
  readonly destDir: string
  /** Whether nothing was written. */
  readonly isDryRun: boolean
  readonly elapsedMs: number
  readonly layers: readonly LayerSummary[]
  /** Errors recorded by all steps of this run. */
  readonly errorCount: number
  /** How many of these are not accepted: they cause exit code 8. */
  readonly openErrorCount: number
  /** These errors by step and kind. */
  readonly errorKinds: readonly ErrorKind[]
  /** What was recorded although nothing is missing. */
  readonly noteKinds: readonly ErrorKind[]
  /** How often it differed from the reference, where we count that; a missing name means unknown. */
  readonly differences: DifferenceCounts
  /** What the operator should know or do. */
  readonly notes: readonly string[]
}

/** The summary for people. */
export function summaryText(summary: MigrateSummary): string {
  const { srcDir, destDir, isDryRun, elapsedMs } = summary
  const seconds = `${(elapsedMs / 1000).toFixed(1)} s`
  const lines = [
    isDryRun
      ? `Dry run of a migration of ${srcDir} to ${destDir} in ${seconds}: nothing was written`
      : `Migrated ${srcDir} to ${destDir} in ${seconds}`,
  ]
  for (const layer of summary.layers) {
    lines.push(
      `  layer ${layer.iden}: ${n(layer.migrated)} of ${n(layer.nodes)} nodes, ` +
        `${n(layer.nodedataMigrated)} of ${n(layer.nodedata)} nodedata, ` +
        `${n(layer.splices - layer.spliceErrors)} of ${n(layer.splices)} splices as ${n(layer.nodeEdits)} node edits`,
    )
  }
  for (const note of summary.notes) lines.push(`  note: ${note}`)
  lines.push(...noteLines(summary.noteKinds))
  return `${[...lines, ...errorLines(summary)].join('\n')}\n`
}

function errorLines({ destDir, isDryRun, errorCount, openErrorCount, errorKinds }: MigrateSummary): string[] {
  if (errorCount === 0) return ['  no errors']
  const errors = counted(errorCount, 'error')
  const kinds = [...errorKindLines(errorKinds), ...acceptedLines(errorCount, openErrorCount)]
  return isDryRun
    ? [`  ${errors}: these would not be migrated`, ...kinds]
    : [
        `  ${errors}: these were not migrated, the migration log keeps them`,
        ...kinds,
        `  see them with: synapse-migrator errors ${destDir}`,
      ]
}

/** A line for each kind of error: how many, in which step, what it means. Then what cures them. */
export function errorKindLines(kinds: readonly ErrorKind[]): string[] {
  const rows = kinds.map(({ step, code, errors, accepted }) => {
    const note = accepted === 0 ? '' : ` (${accepted === errors ? 'accepted' : `${n(accepted)} accepted`})`
    return [errors, step, code, `${errorKindInfo(code).meaning}${note}`]
  })
  return [...rowLines(rows).map((line) => `    ${line}`), ...cureLines(kinds).map((line) => `  ${line}`)]
}

/** Says that errors were accepted, which explains the exit code. */
export function acceptedLines(errorCount: number, openCount: number): string[] {
  if (openCount === errorCount) return []
  if (openCount === 0) return ['  all of these errors are accepted (--accept-errors)']
  return [
    `  ${n(errorCount - openCount)} of these errors are accepted (--accept-errors), ${n(openCount)} ${openCount === 1 ? 'is' : 'are'} new`,
  ]
}

/** What cures these kinds of errors, each cure once; notes need none. */
export function cureLines(kinds: readonly ErrorKind[]): string[] {
  const codes = new Map<string, Set<string>>()
  for (const { code } of kinds) {
    const { cure, isNote } = errorKindInfo(code)
    if (isNote !== true) codes.set(cure, (codes.get(cure) ?? new Set()).add(code))
  }
  return [...codes].map(([cure, cured]) => `to cure ${[...cured].join(', ')}: ${cure}`)
}

function noteLines(kinds: readonly ErrorKind[]): string[] {
  return kinds.map(({ step, code, errors }) => {
    const { meaning, cure } = errorKindInfo(code)
    return `  note: ${n(errors)} ${step} ${code}, ${meaning}: ${cure}`
  })
}

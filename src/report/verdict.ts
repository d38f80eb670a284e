import { EXIT_MEANINGS, type ExitCode } from '../errors.js'
import { counted } from '../text/table.js'
import type { Report } from './report-schema.js'
import type { RunRecord } from './run-history.js'

/** The result of the last run in a word and a sentence. Never claims more than was checked. */
export function verdictOf(
  last: RunRecord | undefined,
  errorCount: number,
  verify: Report['verify'],
  leftOut: readonly string[],
): Report['verdict'] {
  if (last === undefined) {
    return { status: 'unknown', exit_code: null, text: 'No run of this program is recorded here: nothing can be said.' }
  }
  const { exitCode, endedMs, isDryRun } = last
  const errors = counted(errorCount, 'error')
  const because = exitCode === null ? '' : `${EXIT_MEANINGS[exitCode as ExitCode] ?? 'an unknown exit code'}.`
  if (endedMs === null || exitCode === null) {
    return {
      status: 'no end recorded',
      exit_code: null,
      text: 'The last run recorded no end: it is still running, or it was killed. Do not use this Cortex yet.',
    }
  }
  if (exitCode === 130 || exitCode === 143)
    return { status: 'interrupted', exit_code: exitCode, text: capital(because) }
  if (verify?.result.ok === false || exitCode === 7) {
    return { status: 'differs', exit_code: exitCode, text: 'The Cortex differs from its source. Do not use it.' }
  }
  if (exitCode !== 0 && exitCode !== 8) return { status: 'failed', exit_code: exitCode, text: capital(because) }
  if (isDryRun) {
    return {
      status: 'dry run',
      exit_code: exitCode,
      text: 'A dry run: everything was translated, nothing was written.',
    }
  }
  const seen = seenBy(verify)
  const hasErrors = exitCode === 8 || errorCount > 0
  if (hasErrors || leftOut.length > 0) {
    const ended = hasErrors ? `The run finished; the migration log holds ${errors}` : 'The run finished without errors'
    const told = leftOut.length > 0 ? `; it was told to leave out ${leftOut.join('; ')}` : ''
    return { status: 'incomplete', exit_code: exitCode, text: `${ended}${told}. ${seen}` }
  }
  return { status: 'complete', exit_code: exitCode, text: `The run finished without errors. ${seen}` }
}

/** Says what `verify` checked in its own words, which make clear when it was only a part. */
function seenBy(verify: Report['verify']): string {
  if (verify === null) return 'It was not compared with its source.'
  const { notCompared } = verify.result
  const isWhole = Array.isArray(notCompared) && notCompared.length === 0
  return `The comparison with its source found no differences${isWhole ? '' : ' in what was compared'}.`
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

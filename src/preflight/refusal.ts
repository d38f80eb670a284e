import { MigrationError } from '../errors.js'
import type { SourceCortex } from '../source/cortex-dir.js'
import { layerProblems } from './checks/layers-found.js'
import type { Finding } from './preflight.js'

/** One error for all problems, each followed by its hint. */
export function refusal(problems: readonly Finding[]): MigrationError {
  const [last, ...others] = [...problems].reverse()
  const texts = [...others.reverse().map(({ text, hint }) => `${text}\nhint: ${hint}`), last.text]
  return new MigrationError('ERR_PREFLIGHT', texts.join('\nerror: '), { hint: last.hint })
}

/**
 * Refuses a source with missing layers, for callers that make no other checks.
 *
 * @param isSkipped which layers the user does not want
 * @throws {MigrationError} ERR_PREFLIGHT
 */
export function refuseMissingLayers(source: SourceCortex, isSkipped: (iden: string) => boolean): void {
  const problems = layerProblems(source, isSkipped)
  if (problems.length > 0) throw refusal(problems)
}

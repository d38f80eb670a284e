import { spawn } from 'node:child_process'
import { ExitCode } from '../errors.js'
import { onSignals } from './exit.js'
import { endStatus } from './json-lines.js'
import type { ParsedMigrate } from './migrate-options.js'
import { variableOf } from './settings.js'

/** What a hook learns about the run. */
export interface HookFacts {
  readonly runId: string
  readonly exitCode: ExitCode
  /** The page of the report, if there is one. */
  readonly report: string | null
}

/** Not passed to the hook: one that starts a migration must not start itself again. */
const NOT_PASSED_ON: readonly string[] = [variableOf('on-success'), variableOf('on-failure')]

/**
 * Runs the hook for how the run ended, and waits for it. The hook's output goes to standard error.
 *
 * @returns what went wrong with the hook, in words; null when nothing did, or there is none
 */
export async function runHook(parsed: ParsedMigrate, { runId, exitCode, report }: HookFacts): Promise<string | null> {
  const isSuccess = exitCode === ExitCode.ok
  const command = isSuccess ? parsed.onSuccess : parsed.onFailure
  if (command === undefined) return null
  const inherited = Object.entries(process.env).filter(([name]) => !NOT_PASSED_ON.includes(name))
  const env = {
    ...Object.fromEntries(inherited),
    [variableOf('exit-code')]: String(exitCode),
    [variableOf('status')]: endStatus(exitCode),
    [variableOf('run-id')]: runId,
    [variableOf('src')]: parsed.src,
    [variableOf('dest')]: parsed.dest ?? '',
    [variableOf('report')]: report ?? '',
  }
  const child = spawn('/bin/sh', ['-c', command], { env, stdio: ['ignore', process.stderr, 'inherit'] })
  // The run is over, so signals only stop the hook.
  const release = onSignals((signal) => child.kill(signal))
  const end = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(code === 0 ? '' : signal === null ? `exit code ${code}` : signal))
  })
  release()
  return end === '' ? null : `The command of --on-${isSuccess ? 'success' : 'failure'} failed: ${end}`
}

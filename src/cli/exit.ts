import { ExitCode, MigrationError } from '../errors.js'
import { knownFailure } from '../file/system-failure.js'
import { TelepathError } from '../telepath/errors.js'
import { maskUrls } from '../telepath/url.js'

const HELP_COLUMNS = 80

/** Says on standard error what broke a command and what to do about it; returns the exit code. */
export function reportFailure(error: unknown): ExitCode {
  const { exitCode, message, hint, stack } = failureOf(error)
  process.stderr.write(
    `${[`error: ${message}`, ...(hint === undefined ? [] : [`hint: ${hint}`]), ...(stack === undefined ? [] : [stack])].join('\n')}\n`,
  )
  return exitCode
}

interface Failure {
  readonly exitCode: ExitCode
  readonly message: string
  readonly hint?: string | undefined
  /** Only of what is a bug: an operator can do nothing with it. */
  readonly stack?: string | undefined
}

/** What broke a command, in words, and the exit code for it. */
export function failureOf(error: unknown): Failure {
  if (error instanceof MigrationError) {
    const { exitCode, message, hint, stack } = error
    return { exitCode, message, hint, stack: error.code === 'ERR_INTERNAL' ? stack : undefined }
  }
  if (error instanceof TelepathError)
    return { exitCode: ExitCode.config, message: `A Cortex refused: ${error.message}` }
  const known = knownFailure(error)
  if (known !== null) return failureOf(known)
  const text = error instanceof Error ? String(error.stack) : String(error)
  return { exitCode: ExitCode.internal, message: maskUrls(text) }
}

/**
 * Ends the process at once: a run may be killed at any instant, so there is nothing to wait for.
 *
 * @param screen is stopped first
 * @param hint how to continue
 * @returns what ends it, when there is nothing to continue any more
 */
export function stopOnSignals(screen: { stop(): void }, hint: string): () => void {
  return onSignals((signal) => {
    screen.stop()
    process.stderr.write(`Stopped by ${signal}. ${hint}\n`)
    process.exit(signal === 'SIGINT' ? ExitCode.sigint : ExitCode.sigterm)
  })
}

/** Calls `act` instead of ending the process, until the function that it returns is called. */
export function onSignals(act: (signal: 'SIGINT' | 'SIGTERM') => void): () => void {
  process.on('SIGINT', act).on('SIGTERM', act)
  return () => process.off('SIGINT', act).off('SIGTERM', act)
}

/** Continues when nobody reads the output any more, as behind `| head`: the work is worth more than its log. */
export function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
    })
  }
}

/** An exit code, and what it means for a command. */
export type CodeMeaning = readonly [code: ExitCode, meaning: string]

/** The exit codes for the end of a help text. */
export function exitCodesHelp(meanings: readonly CodeMeaning[]): string {
  const lines = meanings.flatMap(([code, meaning]) => wrapped(`  ${String(code).padStart(3)}  `, meaning))
  return `\nExit codes:\n${lines.join('\n')}`
}

function wrapped(lead: string, text: string): string[] {
  const lines = [lead]
  for (const word of text.split(' ')) {
    const last = lines[lines.length - 1]
    const isFirst = last.trimEnd() === lead.trimEnd() || last.trim() === ''
    if (last.length + 1 + word.length > HELP_COLUMNS) lines.push(' '.repeat(lead.length) + word)
    else lines[lines.length - 1] = isFirst ? last + word : `${last} ${word}`
  }
  return lines
}

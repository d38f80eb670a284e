import { ExitCode, MigrationError } from '../errors.js'
import { knownFailure } from '../file/system-failure.js'
import { TelepathError } from '../telepath/errors.js'
import { maskUrls } from '../telepath/url.js'

const HELP_COLUMNS = 80

/** Prints what broke a command and what to do about it on standard error; returns the exit code. */
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
  /** Only for bugs: an operator has no use for a stack. */
  readonly stack?: string | undefined
}

/** What broke a command, in words, with the exit code. */
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
 * Ends the process at once on a signal. Nothing needs to finish, because a run may be killed at any time.
 *
 * @param screen is stopped first
 * @param hint how to continue
 * @returns a function that stops watching for signals, when there is nothing left to continue
 */
export function stopOnSignals(screen: { stop(): void }, hint: string): () => void {
  return onSignals((signal) => {
    screen.stop()
    process.stderr.write(`Stopped by ${signal}. ${hint}\n`)
    process.exit(signal === 'SIGINT' ? ExitCode.sigint : ExitCode.sigterm)
  })
}

/** Calls `act` on a signal instead of ending the process, until you call the returned function. */
export function onSignals(act: (signal: 'SIGINT' | 'SIGTERM') => void): () => void {
  process.on('SIGINT', act).on('SIGTERM', act)
  return () => process.off('SIGINT', act).off('SIGTERM', act)
}

/**
 * Keeps going when nobody reads the output any more, as in `| head`, or its disk is full: the work matters more than
 * its log. But standard output may be all that a command is for, so that what was lost on a disk is no success.
 */
export function outliveReaders(): void {
  // Nowhere is left to say it.
  process.stderr.on('error', () => {})
  let isSaid = false
  process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
    if (cause.code === 'EPIPE' || isSaid) return
    isSaid = true
    const failure = new MigrationError('ERR_DEST', `Cannot write to standard output: ${cause.message}`, {
      cause,
      hint: 'Free its disk or send the output elsewhere, then run the same command again',
    })
    const exitCode = reportFailure(failure)
    process.once('exit', (code) => {
      if (code === ExitCode.ok) process.exitCode = exitCode
    })
  })
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

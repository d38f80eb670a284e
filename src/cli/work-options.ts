import { InvalidArgumentError, Option } from 'commander'
import { parseBytes } from '../bytes/size-text.js'
import type { AcceptedErrors } from '../dest/accepted-errors.js'
import { defaultMemoryBytes, machineLimits } from '../migrate/machine-limits.js'
import { atLeastOne } from './whole-number.js'

const limits = machineLimits()

// Options of all commands that read a whole Cortex. `when` says in the help when an option has an effect.

export function workersOption(when = ''): Option {
  return new Option('--workers <n>', `${when}worker threads`)
    .argParser(atLeastOne)
    .default(limits.cores, 'the cores that this process or its container may use')
}

export function memoryOption(when = ''): Option {
  return new Option(
    '--memory <bytes>',
    `${when}memory that the run may take for itself, like 512M; it starts no more workers than have room in it`,
  )
    .argParser(memoryOf)
    .default(
      defaultMemoryBytes(limits),
      '1 GiB, more for many workers, a quarter of what the machine or the container has at most',
    )
}

/** Paths of model files and urls of Cortexes, in order. */
export function modelOption(about: string): Option {
  return new Option(
    '--model <file|url>',
    `${about}: a file, or the telepath url of a running Cortex; may be given again`,
  )
    .argParser((value: string, before: readonly string[]) => [...before, value])
    .default([], 'none')
}

/** Idens of the only layers to look at; empty: all. */
export function layerOption(about: string): Option {
  return new Option('--layer <iden>', `${about}; may be repeated`).argParser(idenOf).default([], 'all layers')
}

/** Adds the iden of a layer to those given before. */
export function idenOf(iden: string, before: readonly string[]): readonly string[] {
  return [...before, iden.toLowerCase()]
}

/** Errors that the operator has reviewed: a file, or the word `all`. */
export function acceptErrorsOption(): Option {
  return new Option(
    '--accept-errors <file|all>',
    'errors that do not make the exit code 8: those in this file, which errors --json or --dump-errors has written, or all',
  )
}

/**
 * The errors of `--accept-errors`; null without the option.
 *
 * @throws {MigrationError} ERR_CONFIG when it is not a list of errors
 */
export async function acceptedErrorsOf(file: string | undefined): Promise<AcceptedErrors | null> {
  return file === undefined ? null : (await import('../dest/accepted-errors.js')).readAcceptedErrors(file)
}

function memoryOf(text: string): number {
  const bytes = parseBytes(text)
  if (bytes === null || bytes < 32 * 2 ** 20) throw new InvalidArgumentError('give 32M or more, like 512M or 2G')
  return bytes
}

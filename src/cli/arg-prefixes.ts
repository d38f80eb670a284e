import type { Command } from 'commander'

/**
 * Options of the reference's `migrate_020`. A prefix that is unique among these means the same here, whatever options
 * we have added.
 */
const REFERENCE_OPTIONS: ReadonlySet<string> = new Set([
  '--src',
  '--dest',
  '--migr-ops',
  '--nodelim',
  '--edit-batchsize',
  '--fair-iter',
  '--from-last',
  '--log-level',
  '--dump-errors',
  '--form-counts',
  '--safety-off',
  '--src-dedicated',
  '--dest-dedicated',
])

/**
 * Completes long options that are given as a unique prefix, as Python's argparse does: `--form` for `--form-counts`.
 * Anything that is not a prefix of an option stays unchanged, and commander refuses it.
 *
 * @throws {AmbiguousOption} when a prefix fits several options, and not exactly one of the reference's
 */
export function completePrefixes(command: Command, args: readonly string[]): string[] {
  const names = ['--help', ...command.options.flatMap(({ long }) => (long ? [long] : []))]
  const completed: string[] = []
  let isOption = true
  for (const arg of args) {
    if (arg === '--') isOption = false
    completed.push(isOption && arg.startsWith('--') && arg !== '--' ? complete(names, arg) : arg)
  }
  return completed
}

export class AmbiguousOption extends Error {}

function complete(names: readonly string[], arg: string): string {
  const equals = arg.indexOf('=')
  const name = equals < 0 ? arg : arg.slice(0, equals)
  if (names.includes(name)) return arg
  const found = names.filter((long) => long.startsWith(name))
  const known = found.filter((long) => REFERENCE_OPTIONS.has(long))
  if (known.length === 1) return known[0] + arg.slice(name.length)
  if (found.length > 1) throw new AmbiguousOption(`ambiguous option: ${name} could match ${found.join(', ')}`)
  return found.length === 1 ? found[0] + arg.slice(name.length) : arg
}

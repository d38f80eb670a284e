import { ExitCode } from '../errors.js'
import { runLockHolder } from '../migrate/run-lock.js'
import { type Finding, type Preflight, preflight } from '../preflight/preflight.js'
import { readSource } from '../source/cortex-dir.js'
import { reportFailure } from './exit.js'
import { migrateOptions, migrateOptionsOf, type ParsedMigrate, parseMigrate } from './migrate-command.js'
import { printJson } from './run-command.js'
import { type Style, styleOf } from './style.js'

/** Runs `synapse-migrator preflight`: the checks of a migration with the same options, and nothing else. */
export async function preflightCommand(args: readonly string[], name: string): Promise<number> {
  const command = migrateOptionsOf(name)
    .description(
      'Checks source and destination as a migration does before it writes anything, and writes nothing. It takes the ' +
        'options of migrate; those that say how to migrate are without effect.',
    )
    .option('--json', 'print one JSON document')
  const parsed = parseMigrate<ParsedMigrate & { json?: boolean }>(command, args)
  if (typeof parsed === 'number') return parsed
  try {
    const options = await migrateOptions(parsed)
    const found = await withLock(await preflight(readSource(options.srcDir), options), options.destDir)
    if (parsed.json === true) printJson({ schema_version: 1, ok: found.problems.length === 0, ...found })
    else process.stdout.write(preflightText(found, options, styleOf(process.stdout)))
    return found.problems.length === 0 ? ExitCode.ok : ExitCode.preflight
  } catch (error) {
    return reportFailure(error)
  }
}

/** A migration finds the lock by itself, and ends with a code of its own. */
async function withLock(found: Preflight, destDir: string): Promise<Preflight> {
  const holder = await runLockHolder(destDir, (text) => process.stderr.write(`${text}\n`))
  if (holder === null) return found
  const text = `Cannot migrate to "${destDir}": ${holder} is migrating to it`
  return { ...found, problems: [...found.problems, { text, hint: 'wait for it to end, or stop it' }] }
}

function preflightText(found: Preflight, dirs: { srcDir: string; destDir: string }, style: Style): string {
  const { problems, warnings, notes, layers } = found
  const lines = [`Preflight of a migration of ${dirs.srcDir} to ${dirs.destDir}: ${plural(layers.length, 'layer')}`]
  for (const problem of problems) lines.push(...findingLines(style.red('problem'), problem, style))
  for (const warning of warnings) lines.push(...findingLines(style.yellow('warning'), warning, style))
  for (const note of notes) lines.push(`${style.dim('note')}: ${note}`)
  const counts = `${plural(problems.length, 'problem')}, ${plural(warnings.length, 'warning')}`
  const verdict = problems.length > 0 ? style.red('It would be refused') : style.green('It would start')
  return `${[...lines, `${verdict}: ${counts}`].join('\n')}\n`
}

function findingLines(kind: string, { text, hint }: Finding, style: Style): string[] {
  return hint === '' ? [`${kind}: ${text}`] : [`${kind}: ${text}`, style.dim(`  hint: ${hint}`)]
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

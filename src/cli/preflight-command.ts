import { ExitCode } from '../errors.js'
import type { Finding, Preflight } from '../preflight/preflight.js'
import { counted } from '../text/table.js'
import { CliCommand } from './cli-command.js'
import { addMigrateOptions, addOptionsWithoutEffect, migrateOptions, type ParsedMigrate } from './migrate-options.js'
import { type Paint, paintFor } from './paint.js'
import { printJson } from './print-json.js'
import { RunLog } from './run-log.js'

type Parsed = ParsedMigrate & { json?: boolean }

/** `synapse-migrator preflight`: the checks of a migration with the same options, and nothing else. */
export function preflightCommand(): CliCommand {
  return addOptionsWithoutEffect(
    addMigrateOptions(new CliCommand('preflight'))
      .optionsGroup('Who is told:')
      .option('--json', 'print one JSON document'),
  )
    .summary('check source and destination, write nothing')
    .description(
      'Checks source and destination as a migration does before it writes anything, and writes nothing. It takes the ' +
        'options of migrate; those that say how to migrate are without effect.',
    )
    .examples('synapse-migrator preflight --src ./cortex-01x --dest ./cortex-2x')
    .exitCodes([ExitCode.ok, ExitCode.usage, ExitCode.config, ExitCode.preflight, ExitCode.source], {
      0: 'the migration would start',
      4: 'it would be refused: the report says why',
    })
    .runs<Parsed>((parsed, _, { origins }) => check(parsed, origins))
}

async function check(parsed: Parsed, origins: readonly string[]): Promise<ExitCode> {
  const { log } = new RunLog(parsed, (line) => process.stderr.write(line))
  for (const line of origins) log('DEBUG', line, 'options')
  const { preflight } = await import('../api/preflight.js')
  const options = await migrateOptions(parsed, (text) => log('WARNING', text))
  const found = await withLock(await preflight(options), options.destDir)
  if (parsed.json === true) printJson({ schema_version: 1, ok: found.problems.length === 0, ...found })
  else process.stdout.write(preflightText(found, options, paintFor(process.stdout)))
  return found.problems.length === 0 ? ExitCode.ok : ExitCode.preflight
}

/** Adds the lock as a problem; a migration checks it separately, with an exit code of its own. */
async function withLock(found: Preflight, destDir: string): Promise<Preflight> {
  const { heldByOther } = await import('../migrate/run-lock.js')
  const held = await heldByOther(destDir, (text) => process.stderr.write(`${text}\n`))
  if (held === null) return found
  return { ...found, problems: [...found.problems, { text: held.message, hint: held.hint ?? '' }] }
}

function preflightText(found: Preflight, dirs: { srcDir: string; destDir: string }, paint: Paint): string {
  const { problems, warnings, notes, layers } = found
  const lines = [`Preflight of a migration of ${dirs.srcDir} to ${dirs.destDir}: ${counted(layers.length, 'layer')}`]
  for (const problem of problems) lines.push(...findingLines(paint('red', 'problem'), problem, paint))
  for (const warning of warnings) lines.push(...findingLines(paint('yellow', 'warning'), warning, paint))
  for (const note of notes) lines.push(`${paint('dim', 'note')}: ${note}`)
  const counts = `${counted(problems.length, 'problem')}, ${counted(warnings.length, 'warning')}`
  const verdict = problems.length > 0 ? paint('red', 'It would be refused') : paint('green', 'It would start')
  return `${[...lines, `${verdict}: ${counts}`].join('\n')}\n`
}

function findingLines(kind: string, { text, hint }: Finding, paint: Paint): string[] {
  return hint === '' ? [`${kind}: ${text}`] : [`${kind}: ${text}`, paint('dim', `  hint: ${hint}`)]
}

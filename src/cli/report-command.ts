import { readFileSync, realpathSync, statSync } from 'node:fs'
import { ExitCode, MigrationError } from '../errors.js'
import { isThere } from '../file/at-path.js'
import { cortexPaths } from '../layout/paths.js'
import { refuseInSource } from '../report/report-place.js'
import type { Report } from '../report/report-schema.js'
import { CliCommand } from './cli-command.js'
import { packageVersion } from './package-version.js'
import { printJson } from './print-json.js'

interface Options {
  readonly sha256?: boolean
  readonly verify?: string
  readonly out?: string
  readonly json?: boolean
}

/** `synapse-migrator report DEST`. */
export function reportCommand(): CliCommand {
  return new CliCommand('report')
    .summary('write the report of a migration again')
    .description(
      'Makes the report of a migration from what its runs have left in <dest>/migration, and writes report.html and ' +
        'report.json there. It reads no node again. It lists what it has not checked.',
    )
    .argument('<dest>', 'directory of the migrated Cortex')
    .option('--sha256', 'hash all files of the destination: it reads all of them')
    .option('--verify <file>', 'add a result that verify --json has printed')
    .option('--out <dir>', 'write the two files to this directory, and nothing at the destination')
    .option('--json', 'print report.json, and write nothing')
    .examples('synapse-migrator report ./cortex-2x --sha256')
    .exitCodes([ExitCode.ok, ExitCode.usage, ExitCode.preflight, ExitCode.source, ExitCode.dest], {
      0: 'the report was made: what it says about the migration is in it',
    })
    .runs<Options>((options, [dest]) => report(dest, options))
}

async function report(destDir: string, { sha256, verify, out, json }: Options): Promise<ExitCode> {
  const { dir } = cortexPaths(destDir).migration
  if (!isThere(dir)) {
    throw new MigrationError('ERR_PREFLIGHT', `Cannot report on "${destDir}": there is no ${dir}`, {
      hint: 'Give the directory that --dest of the migration named',
    })
  }
  const [{ makeReport }, { readRuns }, { writeReport }] = await Promise.all([
    import('../report/make-report.js'),
    import('../report/run-history.js'),
    import('../report/write-report.js'),
  ])
  const last = readRuns(destDir)?.at(-1)
  if (out !== undefined && typeof last?.options.src === 'string') refuseInSource(out, last.options.src)
  const made = makeReport(destDir, {
    version: packageVersion(),
    verify: verify === undefined ? null : readVerify(verify, destDir, last?.endedMs ?? 0),
    sha256: sha256 === true ? await (await import('../report/hash-files.js')).hashFiles(destDir) : null,
  })
  if (json === true) printJson(made)
  else process.stdout.write(`Wrote the report to ${writeReport(out ?? dir, made)}\n`)
  return ExitCode.ok
}

/** Throws when it is not a result of `verify`, or is about another Cortex, or is older than the last run. */
function readVerify(path: string, destDir: string, lastEndMs: number): NonNullable<Report['verify']> {
  const refuse = (found: string) =>
    new MigrationError('ERR_USAGE', `Cannot use "${path}" as a result of verify: ${found}`, {
      hint: 'Give what synapse-migrator verify --json has printed for this destination',
    })
  try {
    const result = JSON.parse(readFileSync(path, 'utf8')) as { ok?: unknown; destDir?: unknown }
    if (typeof result?.ok !== 'boolean' || typeof result.destDir !== 'string') throw refuse('it is something else')
    if (realpathSync(result.destDir) !== realpathSync(destDir)) throw refuse(`it is about "${result.destDir}"`)
    if (statSync(path).mtimeMs < lastEndMs) throw refuse('it is older than the last run')
    return { from: path, at: statSync(path).mtime.toISOString(), result: { ...result, ok: result.ok } }
  } catch (error) {
    throw error instanceof MigrationError ? error : refuse((error as Error).message)
  }
}

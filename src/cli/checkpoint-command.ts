import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { ExitCode, MigrationError } from '../errors.js'
import { cortexPaths } from '../layout/paths.js'
import { tableLines } from '../text/table.js'
import { CliCommand } from './cli-command.js'
import { paintFor } from './paint.js'
import { printJson } from './print-json.js'

/** What exit codes mean for this command. */
const CODES = { 0: 'done', 4: 'there are no checkpoints' }

/** The part of a checkpoint that we show; docs/format/checkpoint.md has the rest. */
interface Checkpoint {
  readonly fingerprint?: Readonly<Record<string, unknown>>
  /** How many partitions of nodes, or the first offsets of ranges of splices. */
  readonly partitions?: number
  readonly perTask?: number
  readonly starts?: readonly unknown[]
  readonly nodelim?: number | null
  readonly isBuilt?: boolean
}

/** What it records of a finished partition or range; parts of a merge have no counts. */
interface Stream {
  readonly counts?: Readonly<Record<string, unknown>>
}

interface Shown {
  readonly step: string
  readonly layer: string
  readonly finished: boolean
  /** Partitions of nodes, or ranges of splices. */
  readonly partsDone: number | null
  readonly parts: number | null
  /** Nodes or splices in the finished parts. */
  readonly items: number | null
  readonly nodelim: number | null
  readonly fingerprint: Readonly<Record<string, unknown>>
}

/** `synapse-migrator checkpoint show|reset DEST`. */
export function checkpointCommand(): CliCommand {
  return new CliCommand('checkpoint')
    .summary('show or forget where an interrupted migration would continue')
    .description('Where an interrupted migration continues with --from-last.')
    .usage('show|reset <dest> [options]')
    .helpCommand(false)
    .addCommand(showCommand())
    .addCommand(resetCommand())
}

function showCommand(): CliCommand {
  return new CliCommand('show')
    .summary('show the checkpoints of a destination')
    .description('Shows where an interrupted migration continues with --from-last. Writes nothing.')
    .argument('<dest>', 'directory that the migration writes')
    .option('--json', 'print one JSON document')
    .exitCodes([ExitCode.ok, ExitCode.usage, ExitCode.preflight], CODES)
    .runs(show)
}

async function show(options: { json?: boolean }, [dest]: string[]): Promise<ExitCode> {
  const { readCheckpoints } = await import('../dest/checkpoints.js')
  await requireCheckpoints(dest)
  const checkpoints = [...readCheckpoints(dest)].map(([key, { value, streams }]) =>
    shown(key, value as Checkpoint, streams as readonly Stream[]),
  )
  if (options.json === true) printJson({ schema_version: 1, checkpoints })
  else process.stdout.write(showText(checkpoints))
  return ExitCode.ok
}

function resetCommand(): CliCommand {
  return new CliCommand('reset')
    .summary('forget them')
    .description(
      'Forgets where a migration continues, and removes what it had half done: with --from-last it starts these layers over. ' +
        'Layers that are finished stay as they are until then.',
    )
    .argument('<dest>', 'directory that the migration writes')
    .option('--layer <iden>', 'only this layer')
    .option('--yes', 'do not ask; needed where there is no terminal to ask on')
    .exitCodes([ExitCode.ok, ExitCode.usage, ExitCode.preflight, ExitCode.locked], CODES)
    .runs(reset)
}

async function reset({ layer, yes }: { layer?: string; yes?: boolean }, [dest]: string[]): Promise<ExitCode> {
  const { Checkpoints, readCheckpointHeads } = await import('../dest/checkpoints.js')
  const { takeRunLock } = await import('../migrate/run-lock.js')
  await requireCheckpoints(dest)
  const keys = [...readCheckpointHeads(dest).keys()].filter((key) => layer === undefined || layerOf(key) === layer)
  if (keys.length === 0) {
    process.stdout.write('There is no checkpoint to forget\n')
    return ExitCode.ok
  }
  if (yes !== true && !(await isConfirmed(`Forget ${keys.length} checkpoints of ${dest}?`))) {
    process.stderr.write('Nothing was changed\n')
    return ExitCode.usage
  }
  const lock = await takeRunLock(dest, (text) => process.stderr.write(`${text}\n`))
  try {
    const checkpoints = await Checkpoints.open(dest)
    for (const key of keys) checkpoints.clear(key)
    await checkpoints.close()
    for (const iden of new Set(keys.map(layerOf))) {
      const { buildOf, runsOf } = cortexPaths(dest).migration
      for (const dir of [buildOf(iden), runsOf(iden)]) rmSync(dir, { recursive: true, force: true })
    }
  } finally {
    lock.release()
  }
  process.stdout.write(`Forgot ${keys.length} checkpoints\n`)
  return ExitCode.ok
}

async function requireCheckpoints(dest: string): Promise<void> {
  const { checkpointsExist } = await import('../dest/checkpoints.js')
  if (checkpointsExist(dest)) return
  throw new MigrationError('ERR_PREFLIGHT', `Cannot read checkpoints of "${dest}": there are none`, {
    hint: 'give the directory that --dest of the migration named; one made by another tool has no checkpoints',
  })
}

function shown(key: string, checkpoint: Checkpoint, streams: readonly Stream[]): Shown {
  const { fingerprint = {}, partitions, perTask = 1, starts, isBuilt, nodelim = null } = checkpoint
  const parts = partitions === undefined ? (starts?.length ?? null) : Math.ceil(partitions / perTask)
  const done = streams.flatMap(({ counts }) => (counts === undefined ? [] : [counts]))
  return {
    step: key.slice(0, key.indexOf('/')),
    layer: layerOf(key),
    // The step nexus gets a checkpoint only when it is done.
    finished: isBuilt ?? true,
    // A finished layer has the counts of all its parts.
    partsDone: isBuilt === undefined ? null : isBuilt ? parts : done.length,
    parts,
    items: isBuilt === undefined ? null : done.reduce((sum, counts) => sum + itemsOf(counts), 0),
    nodelim,
    fingerprint,
  }
}

function itemsOf(counts: Readonly<Record<string, unknown>>): number {
  const number = (name: string) => (typeof counts[name] === 'number' ? counts[name] : 0)
  return number('nodes') + number('translated') + number('failures')
}

function showText(checkpoints: readonly Shown[]): string {
  if (checkpoints.length === 0) return 'There is no checkpoint: a migration starts from the beginning\n'
  const paint = paintFor(process.stdout)
  const rows = checkpoints.map(({ step, layer, finished, partsDone, parts, items }) => [
    step,
    layer,
    finished ? 'finished' : 'begun',
    parts === null ? '' : `${partsDone} of ${parts}`,
    items ?? 0,
  ])
  const [head, ...lines] = tableLines([['step', 'layer', 'state', 'parts', 'done'], ...rows])
  const open = checkpoints.filter(({ finished }) => !finished).length
  const last =
    open === 0 ? 'All that was started is finished' : `${open} are not finished: migrate --from-last continues them`
  return `${[paint('bold', head), ...lines, last].join('\n')}\n`
}

async function isConfirmed(question: string): Promise<boolean> {
  if (process.stdin.isTTY !== true) {
    throw new MigrationError('ERR_USAGE', 'Cannot ask whether to go on: there is no terminal', { hint: 'give --yes' })
  }
  const prompt = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await prompt.question(`${question} [y/N] `)).trim())
  } finally {
    prompt.close()
  }
}

function layerOf(key: string): string {
  return key.slice(key.indexOf('/') + 1)
}

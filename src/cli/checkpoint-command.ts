import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { Command } from 'commander'
import { Checkpoints, checkpointsExist, readCheckpoints } from '../dest/checkpoints.js'
import { ExitCode, MigrationError } from '../errors.js'
import { cortexPaths } from '../layout/paths.js'
import { takeRunLock } from '../migrate/run-lock.js'
import { printJson, runCommand } from './run-command.js'
import { styleOf } from './style.js'
import { tableLines } from './table.js'

/** What a checkpoint holds as far as it is shown; docs/format/checkpoint.md has the rest. */
interface Checkpoint {
  readonly fingerprint?: Readonly<Record<string, unknown>>
  /** Cuts between partitions of nodes, or first offsets of ranges of splices. */
  readonly borders?: readonly unknown[]
  readonly starts?: readonly unknown[]
  readonly nodelim?: number | null
  readonly isBuilt?: boolean
}

/** What it notes of a finished partition or range; parts of a merge have no counts. */
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
  /** Nodes or splices in the parts that are done. */
  readonly items: number | null
  readonly nodelim: number | null
  readonly fingerprint: Readonly<Record<string, unknown>>
}

/** Runs `synapse-migrator checkpoint show|reset DEST`. */
export function checkpointCommand(args: readonly string[], name: string): Promise<number> {
  const [action, ...rest] = args
  if (action === 'show') return show(rest, `${name} show`)
  if (action === 'reset') return reset(rest, `${name} reset`)
  const isHelp = action === '--help' || action === '-h'
  helpOf(name).outputHelp({ error: !isHelp })
  return Promise.resolve(isHelp ? ExitCode.ok : ExitCode.usage)
}

function helpOf(name: string): Command {
  const command = new Command(name).description('Where an interrupted migration goes on with --from-last.')
  command.command('show').argument('<dest>').description('show the checkpoints of a destination').helpOption(false)
  command.command('reset').argument('<dest>').description('forget them').helpOption(false)
  return command.usage('show|reset <dest> [options]').helpCommand(false)
}

function show(args: readonly string[], name: string): Promise<number> {
  const command = new Command(name)
    .description('Shows where an interrupted migration goes on with --from-last. Writes nothing.')
    .argument('<dest>', 'directory that the migration writes')
    .option('--json', 'print one JSON document')
  return runCommand<{ json?: boolean }>(command, args, (options, [dest]) => {
    checkpointsOf(dest)
    const checkpoints = [...readCheckpoints(dest)].map(([key, { value, streams }]) =>
      shown(key, value as Checkpoint, streams as readonly Stream[]),
    )
    if (options.json === true) printJson({ schema_version: 1, checkpoints })
    else process.stdout.write(showText(checkpoints))
    return ExitCode.ok
  })
}

function reset(args: readonly string[], name: string): Promise<number> {
  const command = new Command(name)
    .description(
      'Forgets where a migration goes on, and removes what it had half done: with --from-last it begins these layers anew. ' +
        'Layers that are finished stay as they are until then.',
    )
    .argument('<dest>', 'directory that the migration writes')
    .option('--layer <iden>', 'only this layer')
    .option('--yes', 'do not ask; needed where there is no terminal to ask on')
  return runCommand<{ layer?: string; yes?: boolean }>(command, args, async ({ layer, yes }, [dest]) => {
    checkpointsOf(dest)
    const keys = [...readCheckpoints(dest).keys()].filter((key) => layer === undefined || layerOf(key) === layer)
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
  })
}

function checkpointsOf(dest: string): void {
  if (checkpointsExist(dest)) return
  throw new MigrationError('ERR_PREFLIGHT', `Cannot read checkpoints of "${dest}": there are none`, {
    hint: 'give the directory that --dest of the migration named; one made by another tool has no checkpoints',
  })
}

function shown(key: string, checkpoint: Checkpoint, streams: readonly Stream[]): Shown {
  const { fingerprint = {}, borders, starts, isBuilt, nodelim = null } = checkpoint
  const done = streams.flatMap(({ counts }) => (counts === undefined ? [] : [counts]))
  return {
    step: key.slice(0, key.indexOf('/')),
    layer: layerOf(key),
    // The step nexus has a checkpoint of its own only when it is done.
    finished: isBuilt ?? true,
    partsDone: isBuilt === undefined ? null : done.length,
    parts: borders === undefined ? (starts?.length ?? null) : borders.length + 1,
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
  if (checkpoints.length === 0) return 'There is no checkpoint: a migration begins anew\n'
  const { bold } = styleOf(process.stdout)
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
    open === 0 ? 'All that was begun is finished' : `${open} are not finished: migrate --from-last goes on with them`
  return `${[bold(head), ...lines, last].join('\n')}\n`
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

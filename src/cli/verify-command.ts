import { resolve } from 'node:path'
import { Option } from 'commander'
import { ExitCode, MigrationError } from '../errors.js'
import { workersWithin } from '../source/memory-plan.js'
import { CliCommand } from './cli-command.js'
import { stopOnSignals } from './exit.js'
import { readModelFiles } from './model-files.js'
import { paintFor } from './paint.js'
import { printJson } from './print-json.js'
import { ProgressScreen } from './progress-screen.js'
import { MOST_DIFFERENCES, verifyJson, verifyText } from './verify-text.js'
import { atLeastOne } from './whole-number.js'
import { layerOption, memoryOption, modelOption, workersOption } from './work-options.js'

interface Options {
  readonly src: string
  readonly dest: string
  readonly sample?: number
  readonly layer: readonly string[]
  readonly workers: number
  readonly memory: number
  readonly model: readonly string[]
  readonly limit: number
  readonly json?: boolean
  readonly checkpoint?: string
}

/** `synapse-migrator verify`. */
export function verifyCommand(): CliCommand {
  return new CliCommand('verify')
    .summary('compare a migrated Cortex with its source')
    .description(
      'Compares a migrated Cortex with its source: reads and translates the source again, and checks every row of its ' +
        'layers, every index row, the history, the pages of the slabs, and what the hive must have. Nodes that are in ' +
        'the migration log as errors are no differences. Neither of the two may be in use, and neither is written to. ' +
        'Ends with 7 when there are differences.',
    )
    .requiredOption('--src <dir>', 'directory of the 0.1.x Cortex that was migrated')
    .requiredOption('--dest <dir>', 'directory of the migrated Cortex')
    .addOption(new Option('--full', 'compare everything (the default)').conflicts('sample'))
    .option('--sample <n>', 'compare only n nodes of each layer, chosen by chance, with their index rows', atLeastOne)
    .addOption(layerOption('compare only this layer, and the Cortex without its layers'))
    .addOption(workersOption())
    .addOption(memoryOption())
    .addOption(modelOption('model of a custom module that the migration was given'))
    .addOption(
      new Option(
        '--checkpoint <file>',
        'keep in this file how far it has come: interrupted, the same command goes on there; removed in the end',
      ).conflicts('sample'),
    )
    .option('--limit <n>', 'describe n differences at most; all are counted', atLeastOne, MOST_DIFFERENCES)
    .option('--json', 'print one JSON document')
    .examples(
      'synapse-migrator verify --src ./cortex-01x --dest ./cortex-2x',
      'synapse-migrator verify --src ./cortex-01x --dest ./cortex-2x --sample 10000',
    )
    .exitCodes(
      [
        ExitCode.ok,
        ExitCode.usage,
        ExitCode.config,
        ExitCode.preflight,
        ExitCode.source,
        ExitCode.dest,
        ExitCode.differs,
        ExitCode.resumeRefused,
        ExitCode.sigint,
        ExitCode.sigterm,
      ],
      {
        0: 'no differences',
        9: 'the file of --checkpoint belongs to another comparison',
        130: 'interrupted: with --checkpoint, the same command continues',
        143: 'interrupted: with --checkpoint, the same command continues',
      },
    )
    .runs(verify)
}

async function verify(options: Options): Promise<ExitCode> {
  const { verifyMigration } = await import('../verify/verifier.js')
  const { src, dest, sample = null, limit, checkpoint = null } = options
  if (checkpoint !== null) refuseInside(checkpoint, [src, dest])
  const screen = ProgressScreen.onStderr()
  const note = (text: string) => screen.write(`${text}\n`)
  const unit = sample === null ? 'rows' : 'nodes'
  stopOnSignals(screen, checkpoint === null ? 'Nothing was written' : 'To continue, run the same command again')
  try {
    const report = await verifyMigration(
      {
        srcDir: src,
        destDir: dest,
        sample,
        onlyLayers: options.layer,
        workers: workersWithin(options.workers, options.memory),
        memoryBytes: options.memory,
        modelFiles: await readModelFiles(options.model, note),
        checkpointPath: checkpoint,
      },
      {
        progress: (layer, done, total) => screen.show({ phase: 'verify', layer, done, total, unit }),
        note,
      },
    )
    screen.stop()
    if (options.json === true) printJson(verifyJson(report, limit))
    else process.stdout.write(verifyText(report, limit, paintFor(process.stdout)))
    return report.differenceCount === 0 ? ExitCode.ok : ExitCode.differs
  } finally {
    screen.stop()
  }
}

/** We never write inside what we compare. */
function refuseInside(path: string, dirs: readonly string[]): void {
  const inside = dirs.find((dir) => `${resolve(path)}/`.startsWith(`${resolve(dir)}/`))
  if (inside === undefined) return
  throw new MigrationError('ERR_USAGE', `Cannot keep the checkpoint "${path}" in "${inside}", which is compared`, {
    hint: 'give a file elsewhere',
  })
}

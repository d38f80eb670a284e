import { printable } from '../bytes/printable.js'
import { ExitCode } from '../errors.js'
import type { Uncovered, Use } from '../model-tools/coverage.js'
import { tableLines } from '../text/table.js'
import { CliCommand } from './cli-command.js'
import { withLook } from './model-look.js'
import { type Paint, paintFor } from './paint.js'
import { printJson } from './print-json.js'

interface Options {
  readonly src: string
  readonly json?: boolean
}

/** What to list, in this order, and what to call it. */
const KINDS = [
  ['types', 'type'],
  ['forms', 'form'],
  ['props', 'property'],
  ['univs', 'universal property'],
  ['tagProps', 'tag property'],
] as const

/** `synapse-migrator model check FILE --src DIR`. */
export function modelCheckCommand(): CliCommand {
  return new CliCommand('check')
    .summary('list what rows of a source no model has')
    .description(
      'Reads all rows of a 0.1.x Cortex, and lists the types, forms, properties and tag properties that they use and no ' +
        'model has: not the built-in one, not the hive, not the files given. Writes nothing.',
    )
    .argument('[model...]', 'model files, or telepath urls of running Cortexes')
    .requiredOption('--src <dir>', 'directory of the 0.1.x Cortex')
    .option('--json', 'print one JSON document')
    .exitCodes([ExitCode.ok, ExitCode.usage, ExitCode.config, ExitCode.source, ExitCode.quarantined], {
      0: 'everything that rows use has a model',
      8: 'something has none: such rows would not be migrated',
    })
    .runs<Options>(check)
}

async function check({ src, json }: Options, places: string[]): Promise<ExitCode> {
  const { checkModel } = await import('../model-tools/check-model.js')
  const { isCovered } = await import('../model-tools/coverage.js')
  const uncovered = await withLook(src, places, checkModel)
  const covered = isCovered(uncovered)
  if (json === true) printJson({ schema_version: 1, covered, ...uncovered })
  else process.stdout.write(uncoveredText(uncovered, covered, paintFor(process.stdout)))
  return covered ? ExitCode.ok : ExitCode.quarantined
}

function uncoveredText(uncovered: Uncovered, covered: boolean, paint: Paint): string {
  if (covered) return `${paint('green', 'Everything that rows use has a model')}\n`
  const rows = KINDS.flatMap(([key, noun]) => uncovered[key].map(({ name, count }: Use) => [noun, name, count]))
  const problems = uncovered.problems.map((text) => `${paint('yellow', 'makes no sense')}: ${printable(text)}`)
  const table = rows.length === 0 ? [] : tableLines([['what no model has', '', 'rows'], ...rows])
  return `${[...problems, ...table].join('\n')}\n`
}

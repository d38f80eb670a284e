import { ExitCode } from '../errors.js'
import type { Evidence, Inferred } from '../model-tools/infer-model.js'
import { CliCommand } from './cli-command.js'
import { withLook } from './model-look.js'
import { printJson } from './print-json.js'
import { atLeastOne } from './whole-number.js'

/** Enough rows to tell types apart, and few enough to read in a moment. */
const MOST_ROWS = 1000

interface Options {
  readonly src: string
  readonly sample: number
}

/** `synapse-migrator model infer --src DIR`. */
export function modelInferCommand(): CliCommand {
  return new CliCommand('infer')
    .summary('propose a model for what no model has, from the rows')
    .description(
      'Proposes a model for forms, properties and types that rows of a 0.1.x Cortex use and no model has, and writes it to ' +
        'standard output. Index bytes, nodes that are there for values, and what the hive says tell types; each guess has ' +
        'its evidence beside it. A proposal is to be read and corrected, then given with --model. Writes nothing else.',
    )
    .argument('[model...]', 'model files of what is known, or telepath urls of running Cortexes')
    .requiredOption('--src <dir>', 'directory of the 0.1.x Cortex')
    .option('--sample <n>', 'rows of each form and property to look at', atLeastOne, MOST_ROWS)
    .exitCodes([ExitCode.ok, ExitCode.usage, ExitCode.config, ExitCode.source], {
      0: 'proposed, or nothing to propose',
    })
    .runs<Options>(infer)
}

async function infer({ src, sample }: Options, places: string[]): Promise<ExitCode> {
  const { inferModel } = await import('../model-tools/infer-model.js')
  const { modelFileJson } = await import('../model/model-file.js')
  const inferred = await withLook(src, places, (look) => inferModel({ ...look, most: sample }))
  const { types, forms, univs, tagprops } = modelFileJson(inferred.file)
  const evidence = evidenceOf(inferred)
  printJson({
    proposed: true,
    types: mapped(types, (type, name) => ({ ...type, ...evidence.type(name) })),
    forms: mapped(forms, ({ props }, form) => ({
      props: mapped(props, (prop, name) => ({ ...prop, ...evidence.prop(`${form}:${name}`) })),
    })),
    univs: mapped(univs, (prop, name) => ({ ...prop, ...evidence.univ(name) })),
    tagprops: mapped(tagprops, (prop, name) => ({ ...prop, ...evidence.tagProp(name) })),
  })
  process.stderr.write(`${closing(inferred)}\n`)
  return ExitCode.ok
}

function evidenceOf({ types, props, univs, tagProps, kept }: Inferred) {
  return {
    type(name: string) {
      const counts = kept.get(name)
      const norms = counts === undefined ? {} : { kept: counts[0] }
      return shown(types.get(name), norms)
    },
    prop: (name: string) => shown(props.get(name)),
    univ: (name: string) => shown(univs.get(name)),
    tagProp: (name: string) => shown(tagProps.get(name)),
  }
}

function shown(found: Evidence | undefined, more: object = {}): object {
  if (found === undefined) return {}
  const { rows, lookedAt, fit, why, others } = found
  return { evidence: { rows, looked_at: lookedAt, fit, ...more, why, ...(others.length > 0 && { others }) } }
}

function closing({ file, types, props, univs, tagProps }: Inferred): string {
  const guesses = [types, props, univs, tagProps].flatMap((evidence) => [...evidence.values()])
  if (guesses.length === 0) return 'Nothing to propose: everything that rows use has a model'
  const doubtful = guesses.filter(({ fit, lookedAt }) => fit < lookedAt).length
  return (
    `Proposed ${Object.keys(file.types).length} types and ${guesses.length - types.size} properties; of ${doubtful} not all rows fit. ` +
    'Read and correct it, remove its line "proposed", then give it with --model'
  )
}

function mapped<A, B>(
  record: { readonly [name: string]: A },
  make: (value: A, name: string) => B,
): { [name: string]: B } {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, make(value, name)]))
}

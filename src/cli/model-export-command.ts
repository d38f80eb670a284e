import { ExitCode, MigrationError } from '../errors.js'
import { problemText } from '../model-tools/problem-text.js'
import { CliCommand } from './cli-command.js'
import { printJson } from './print-json.js'

/** `synapse-migrator model export URL|DIR`. */
export function modelExportCommand(): CliCommand {
  return new CliCommand('export')
    .summary('write a model as a file')
    .description(
      'Writes a model to standard output, as --model takes it. Of a running Cortex, 0.1.x or 2.x: what it has beyond the ' +
        'built-in model, that is what its modules add. Of the directory of a 0.1.x Cortex: the model by which a migration ' +
        'reads it, which is the built-in one and what its hive adds.',
    )
    .argument('<url|dir>', 'telepath url or alias of a running Cortex, or directory of a 0.1.x Cortex')
    .exitCodes([ExitCode.ok, ExitCode.usage, ExitCode.config, ExitCode.source], { 0: 'written' })
    .runs(exportModel)
}

async function exportModel(_: object, [place]: string[]): Promise<ExitCode> {
  const [{ modelFileJson }, { isTelepath }] = await Promise.all([
    import('../model/model-file.js'),
    import('../telepath/aliases.js'),
  ])
  const { file, notes } = await (isTelepath(place) ? ofCortex(place) : ofDirectory(place))
  for (const note of notes) process.stderr.write(`${note}\n`)
  printJson(modelFileJson(file))
  return ExitCode.ok
}

async function ofCortex(url: string) {
  const { readRemoteModel } = await import('../model-tools/remote-model.js')
  const { file, version, problems } = await readRemoteModel(url)
  const names = [Object.keys(file.types), Object.keys(file.forms), Object.keys(file.tagProps)].map(
    ({ length }) => length,
  )
  const head = `The Cortex is ${version.join('.')}: ${names[0]} types, ${names[1]} forms with properties, ${names[2]} tag properties`
  const left = problems.map((each) => `warning: left out: ${problemText(each)}`)
  return { file, notes: [`${head} are not built in`, ...left] }
}

async function ofDirectory(dir: string) {
  const { sourceModel } = await import('../model-tools/source-model.js')
  const { file, newer, warnings } = sourceModel(dir)
  if (newer === null) return { file, notes: warnings.map((text) => `warning: left out: ${text}`) }
  throw new MigrationError('ERR_SOURCE', `Cannot export the model of "${dir}": it is a Cortex of version ${newer}`, {
    hint: 'Start it, and give its telepath url: what its modules add is not in the directory',
  })
}

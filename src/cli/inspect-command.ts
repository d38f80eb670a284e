import { printable } from '../bytes/printable.js'
import { formatBytes } from '../bytes/size-text.js'
import { ExitCode } from '../errors.js'
import type { CortexReport, LayerReport, ViewReport } from '../inspect/inspect-cortex.js'
import { count, indented, tableLines } from '../text/table.js'
import { CliCommand } from './cli-command.js'
import { type Paint, paintFor } from './paint.js'
import { printJson } from './print-json.js'
import { ProgressScreen } from './progress-screen.js'

/** How many names to list; `--json` has all. */
const MOST_NAMES = 20

interface Options {
  readonly json?: boolean
  readonly count: boolean
}

/** `synapse-migrator inspect DIR`. */
export function inspectCommand(): CliCommand {
  return new CliCommand('inspect')
    .summary('say what is in a Cortex directory, 0.1.x or 2.x')
    .description('Says what is in a Cortex directory, of 0.1.x or 2.x; the Cortex may be running. Writes nothing.')
    .argument('<dir>', 'directory of a Cortex')
    .option('--no-count', 'do not count nodes, for which every row must be read')
    .option('--json', 'print one JSON document')
    .examples('synapse-migrator inspect ./cortex-01x')
    .exitCodes([ExitCode.ok, ExitCode.usage, ExitCode.source], { 0: 'the directory was read' })
    .runs<Options>(inspect)
}

async function inspect(options: Options, [dir]: string[]): Promise<ExitCode> {
  const { inspectCortex } = await import('../inspect/inspect-cortex.js')
  const screen = ProgressScreen.onStderr()
  const report = inspectCortex(dir, {
    countNodes: options.count,
    progress: (layer, done, total) => screen.show({ phase: 'count', layer, done, total, unit: 'rows' }),
  })
  screen.stop()
  if (options.json === true) printJson({ schema_version: 1, ...report })
  else process.stdout.write(inspectText(report, paintFor(process.stdout)))
  return ExitCode.ok
}

function inspectText(report: CortexReport, paint: Paint): string {
  const { layers, views, model } = report
  const edits = report.generation === '0.1.x' ? 'splices' : 'node edits'
  const sections = [
    headLines(report, paint),
    ['', paint('bold', `Layers (${layers.length})`), ...indented(tableLines(layerRows(layers, edits)))],
    ['', paint('bold', `Views (${views.length})`), ...indented(tableLines(viewRows(views)))],
    ['', paint('bold', 'Cortex'), ...indented(tableLines(factRows(report)).slice(1))],
  ]
  const added = [model.forms, model.props, model.univs, model.tagProps].some((names) => names.length > 0)
  if (added) sections.push(['', paint('bold', 'Model extensions'), ...indented(tableLines(modelRows(report)).slice(1))])
  return `${sections.flat().join('\n')}\n`
}

function headLines(report: CortexReport, paint: Paint): string[] {
  const { dir, generation, synapseVersion, cortexVersion, cellGuid, inUse, migrated } = report
  const isNew = generation === '2.x' && synapseVersion?.startsWith('0.1.') === true
  const release =
    synapseVersion === null ? '' : isNew ? ', not started yet' : `, last started by Synapse ${synapseVersion}`
  const lines = [`${paint('bold', printable(dir))}: a Cortex of ${generation}${release}`]
  lines.push(`  cell guid ${cellGuid ?? 'is missing'}, cortex version ${cortexVersion ?? 'is missing'}`)
  if (migrated) lines.push('  made by a migration: its log is in migration/')
  if (report.upgrade.length > 0) {
    lines.push('  older than 0.1.58: a migration reads it as 0.1.58 would leave it, and changes')
    lines.push(...report.upgrade.map((line) => `    ${line}`))
  }
  if (inUse) lines.push(paint('yellow', '  in use: a process has it open'))
  return lines
}

function layerRows(layers: readonly LayerReport[], edits: string) {
  const head = ['layer', 'name', 'state', 'version', 'nodes', 'rows', 'nodedata', edits, 'used']
  return [
    head,
    ...layers.map((layer) => [
      layer.iden,
      // 0.1.x shows this for a layer without a name.
      layer.name === '??' ? '' : (layer.name ?? ''),
      layer.state,
      layer.modelVersion ?? layer.layout ?? '-',
      layer.nodes,
      layer.nodeRows,
      layer.nodedata,
      layer.edits,
      formatBytes(layer.usedBytes),
    ]),
  ]
}

function viewRows(views: readonly ViewReport[]) {
  const rows = views.map(({ iden, name, layers, parent, isDefault }) => [
    iden,
    name ?? '',
    layers.map((layer) => layer.slice(0, 8)).join(' '),
    parent ?? '',
    isDefault ? 'default' : '',
  ])
  return [['view', 'name', 'layers, top first', 'fork of', ''], ...rows]
}

function factRows(report: CortexReport): string[][] {
  const { modules, queues, users, roles, triggers, crons, stormCommands, stormPackages, services } = report
  const userNames = users.map(({ name, admin, locked }) => {
    const marks = [admin ? 'admin' : '', locked ? 'locked' : ''].filter((mark) => mark !== '')
    return marks.length === 0 ? name : `${name} (${marks.join(', ')})`
  })
  const queueNames = queues.map(({ name, size }) => `${name} (${size === null ? '?' : count(size)})`)
  return [
    ['', '', ''],
    ['modules', String(modules.length), nameList(modules)],
    ['users', String(users.length), nameList(userNames)],
    ['roles', String(roles.length), nameList(roles)],
    ['queues', String(queues.length), nameList(queueNames)],
    ['triggers', count(triggers), ''],
    ['cron jobs', count(crons), ''],
    ['commands', count(stormCommands), ''],
    ['packages', count(stormPackages), ''],
    ['services', count(services), ''],
  ]
}

function modelRows({ model }: CortexReport): string[][] {
  const row = (kind: string, names: readonly string[]) => [kind, String(names.length), nameList(names)]
  return [
    ['', '', ''],
    row('forms', model.forms),
    row('props', model.props),
    row('universal', model.univs),
    row('tag props', model.tagProps),
  ]
}

function nameList(names: readonly string[]): string {
  const left = names.length - MOST_NAMES
  return `${names.slice(0, MOST_NAMES).join(', ')}${left > 0 ? `, … ${count(left)} more` : ''}`
}

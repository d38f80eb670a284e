import { withDefaults } from '../api/run-options.js'
import { ExitCode } from '../errors.js'
import type { MigrateOptions } from '../migrate/options.js'
import { DEFAULT_EDIT_BATCH_SIZE } from '../migrate/options.js'
import { makePart } from '../migrate/parts/make-part.js'
import type { PartId } from '../migrate/parts/part-dirs.js'
import { type KnownPlan, readPlan } from '../migrate/parts/parts-plan.js'
import type { PartStep } from '../migrate/parts/pieces.js'
import { planParts } from '../migrate/parts/plan-parts.js'
import { finishLayer, makeCell, restOf, type StageRequest, type StageResult } from '../migrate/parts/stages.js'
import { count, counted } from '../text/table.js'
import { stopOnSignals } from './exit.js'
import { readModelFiles, shownModels } from './model-files.js'
import { packageVersion } from './package-version.js'
import type { ParsedFinish, ParsedPart, ParsedPlan, ParsedStep } from './part-options.js'
import { printJson } from './print-json.js'
import { ProgressScreen } from './progress-screen.js'
import { RunLog } from './run-log.js'
import { runMigrate } from './run-migrate.js'

/** What a command of the group says in the end, and to programs. */
interface Done {
  readonly text: string
  readonly json: object
}

/** Where a command says what it does. */
interface Shown {
  readonly log: RunLog['log']
  readonly screen: ProgressScreen
  /** Starts the log file, once the destination is locked. */
  readonly begin: () => void
}

/** `part plan` */
export function runPlan(parsed: ParsedPlan): Promise<ExitCode> {
  return running(parsed, async ({ log }) => {
    const options: MigrateOptions = {
      ...hostOptions(parsed),
      onlyLayers: parsed.layer,
      skipLayers: parsed.skipLayer,
      modelFiles: await readModelFiles(parsed.model, (text) => log('WARNING', text)),
      mapPartial: parsed.mapPartial,
      orphanLayers: parsed.orphanLayers ?? false,
      safetyOff: parsed.safetyOff ?? false,
      restart: parsed.restart ?? false,
    }
    const asked = { version: packageVersion(), partBytes: parsed.partBytes, modelNames: shownModels(parsed.model) }
    const { plan } = await planParts(options, asked, log)
    return { text: planText(plan, parsed), json: planJson(plan, parsed) }
  })
}

/** `part cell` */
export function runCell(parsed: ParsedPart): Promise<ExitCode> {
  return stage(parsed, 'cell', null, makeCell)
}

/** `part extract`, `part merge` and `part splices` */
export function runStep(step: PartStep, parsed: ParsedStep): Promise<ExitCode> {
  const { part, parts } = parsed.part
  const id: PartId = { iden: parsed.layer, step, part }
  return running(parsed, async ({ log, screen }) => {
    const startedMs = Date.now()
    const { isMade, bytes, errorCount } = await makePart({
      id,
      version: packageVersion(),
      parts,
      options: hostOptions(parsed),
      log,
      show: (event) => screen.show(event),
      command: commandOf(parsed),
    })
    const what = `${step} ${part}/${parts} of layer ${id.iden}`
    const text = isMade
      ? `Made ${what}: ${count(bytes)} bytes, ${counted(errorCount, 'error')}`
      : `There was nothing to do for ${what}: it is made`
    const elapsedMs = Date.now() - startedMs
    return { text, json: { step, layer: id.iden, part, parts, made: isMade, errorCount, bytes, elapsedMs } }
  })
}

/** `part finish` */
export function runFinish(parsed: ParsedFinish): Promise<ExitCode> {
  const { layer } = parsed
  if (layer !== undefined) return stage(parsed, 'finish', layer, (request) => finishLayer(request, layer))
  const { src, dest, workers, memory, json, verify, acceptErrors, quiet, verbose, logLevel, logFormat } = parsed
  const command = commandOf(parsed)
  return runMigrate(
    {
      src,
      dest,
      workers,
      memory,
      addMode: 'nonexus',
      editBatchsize: DEFAULT_EDIT_BATCH_SIZE,
      fairIter: 1,
      mapPartial: true,
      layer: [],
      skipLayer: [],
      model: [...readPlan(dest).options.modelNames],
      logLevel,
      logFormat,
      ...(json !== undefined && { json }),
      ...(verify !== undefined && { verify }),
      ...(acceptErrors !== undefined && { acceptErrors }),
      ...(quiet !== undefined && { quiet }),
      ...(verbose !== undefined && { verbose }),
    },
    [],
    (options) => restOf({ version: packageVersion(), options, command }),
  )
}

function stage(
  parsed: ParsedPart,
  step: string,
  layer: string | null,
  act: (request: StageRequest) => Promise<StageResult>,
): Promise<ExitCode> {
  return running(parsed, async ({ log, screen, begin }) => {
    const startedMs = Date.now()
    const options = hostOptions(parsed)
    const summary = await act({
      version: packageVersion(),
      options,
      log,
      progress: screen,
      begin,
      command: commandOf(parsed),
    })
    const errorCount = summary?.errorCount ?? 0
    const what = layer === null ? step : `${step} of layer ${layer}`
    const text =
      summary === null
        ? `There was nothing to do for ${what}: it is done`
        : `Did ${what}: ${counted(errorCount, 'error')}`
    const elapsedMs = Date.now() - startedMs
    return { text, json: { step, ...(layer !== null && { layer }), made: summary !== null, errorCount, elapsedMs } }
  })
}

/** Runs a command with its log and its progress, and prints what it says in the end. */
async function running(parsed: ParsedPart, act: (shown: Shown) => Promise<Done>): Promise<ExitCode> {
  const runLog = new RunLog(parsed, (line) => screen.write(line))
  const screen = new ProgressScreen({
    isTerminal: process.stderr.isTTY === true && !runLog.isQuiet,
    line: runLog.progress,
  })
  const release = stopOnSignals(screen, 'To continue, run the same command again')
  try {
    const { text, json } = await act({ log: runLog.log, screen, begin: () => runLog.begin(parsed.dest) })
    screen.stop()
    if (parsed.json === true) printJson(json)
    else process.stdout.write(`${text}\n`)
    return ExitCode.ok
  } finally {
    release()
    screen.stop()
  }
}

/** What this host decides; the plan has the rest. */
function hostOptions({ src, dest, workers, memory }: ParsedPart): MigrateOptions {
  return withDefaults({ srcDir: src, destDir: dest, workers, memoryBytes: memory })
}

/** The command that makes a part or does a stage, for hints. */
function commandOf({ src, dest }: ParsedPart): (what: PartId | string) => string {
  const of = (step: string, options: string) => `synapse-migrator part ${step} --src ${src} --dest ${dest}${options}`
  return (what) => {
    if (what === 'cell') return of('cell', '')
    if (typeof what === 'string') return of('finish', ` --layer ${what}`)
    const parts = readPlan(dest).layers.find(({ iden }) => iden === what.iden)?.parts[what.step]
    return of(what.step, ` --layer ${what.iden} --part ${what.part}/${parts}`)
  }
}

function planJson({ fingerprint, partBytes, layers }: KnownPlan, { src, dest }: ParsedPlan): object {
  return {
    src,
    dest,
    fingerprint,
    partBytes,
    layers: layers.map(({ iden, sourceBytes, parts }) => ({ iden, sourceBytes, ...parts })),
  }
}

function planText({ layers }: KnownPlan, { src, dest }: ParsedPlan): string {
  const lines = layers.map(({ iden, sourceBytes, parts }) => {
    const { extract, merge, splices } = parts
    return `  layer ${iden}: ${count(sourceBytes)} bytes, extract ${extract}, merge ${merge}, splices ${splices}`
  })
  return [`Planned the migration of ${src} to ${dest} in parts`, ...lines].join('\n')
}

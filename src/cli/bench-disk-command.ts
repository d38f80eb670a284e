import { mkdirSync, statfsSync, writeFileSync } from 'node:fs'
import { InvalidArgumentError, Option } from 'commander'
import { formatBytes, parseBytes } from '../bytes/size-text.js'
import { ExitCode, MigrationError } from '../errors.js'
import { type DiskNeed, diskNeed, type Forecast, forecast } from '../forecast/forecast.js'
import { durationText, forecastChart } from '../forecast/forecast-chart.js'
import type { DiskMeasure } from '../forecast/measure-disk.js'
import type { WorkSample } from '../forecast/sample-work.js'
import { machineLimits } from '../migrate/machine-limits.js'
import { indented, tableLines } from '../text/table.js'
import { CliCommand } from './cli-command.js'
import { type Paint, paintFor } from './paint.js'
import { printJson } from './print-json.js'
import { atLeastOne } from './whole-number.js'
import { memoryOption } from './work-options.js'

const CORES = [1, 2, 4, 8, 16, 32, 64]
const limits = machineLimits()

interface Options {
  readonly src?: string
  readonly size?: number
  readonly parts: number
  readonly memory: number
  readonly svg?: string
  readonly json?: boolean
}

/** `synapse-migrator bench-disk DIR`. */
export function benchDiskCommand(): CliCommand {
  return new CliCommand('bench-disk')
    .summary('measure a disk, and forecast a migration to it')
    .description(
      'Measures a disk as a migration uses it and, with --src, forecasts time, room and memory for a Cortex.',
    )
    .argument('<dir>', 'directory on the disk to measure; what is written there is removed again')
    .option('--src <dir>', 'a 0.1.x Cortex: parts of it are translated for real, nothing in it is changed')
    .addOption(
      new Option(
        '--size <bytes>',
        'how much to write, like 512M. Default: as much as the run will, or 2G without --src; at most 8G, a quarter of the free space, and what the disk takes in 30 s',
      ).argParser(sizeOf),
    )
    .option('--parts <n>', 'parts of the Cortex to translate, 8 MiB each', atLeastOne, 4)
    .addOption(memoryOption('of the migration: '))
    .option('--svg <file>', 'write the forecast as a chart')
    .option('--json', 'print one JSON document')
    .examples('synapse-migrator bench-disk . --src ./cortex-01x')
    .exitCodes([ExitCode.ok, ExitCode.usage, ExitCode.source, ExitCode.dest], { 0: 'measured' })
    .runs<Options>(benchDisk)
}

async function benchDisk(options: Options, [dir]: string[]): Promise<ExitCode> {
  const { src, parts, memory: memoryBytes } = options
  if (options.svg !== undefined && src === undefined) {
    throw new MigrationError('ERR_USAGE', 'Cannot draw --svg: without --src there is no forecast')
  }
  const { bytesToWrite, measureDisk } = await import('../forecast/measure-disk.js')
  const { sampleWork } = await import('../forecast/sample-work.js')
  mkdirSync(dir, { recursive: true })
  const { withSource } = await import('../upgrade/with-source.js')
  const work = { dir, parts, workers: limits.cores, memoryBytes }
  const look = { destDir: null, modelFiles: [], depth: 'cell', tell: () => {} } as const
  const sample = src === undefined ? null : await withSource({ srcDir: src, ...look }, (from) => sampleWork(from, work))
  const need = sample === null ? null : diskNeed(sample.workload)
  const disk = measureDisk(dir, options.size ?? bytesToWrite(need?.peakBytes ?? null, freeBytes(dir)))
  const forecasts = sample === null ? [] : CORES.map((n) => forecast(sample.workload, disk, n, memoryBytes))
  if (options.svg !== undefined) {
    writeFileSync(options.svg, forecastChart(`Migration of ${src}`, forecasts))
  }
  if (options.json === true) printJson({ schema_version: 1, dir, memory: memoryBytes, disk, sample, need, forecasts })
  else process.stdout.write(reportText(dir, disk, sample, need, forecasts, paintFor(process.stdout)))
  return ExitCode.ok
}

function reportText(
  dir: string,
  disk: DiskMeasure,
  sample: WorkSample | null,
  need: DiskNeed | null,
  forecasts: readonly Forecast[],
  paint: Paint,
): string {
  const lines = [paint('bold', `Disk of ${dir}`), ...indented(tableLines(diskRows(disk)).slice(1))]
  if (sample === null || need === null) {
    lines.push('', 'Give --src with a 0.1.x Cortex for a forecast')
    return `${lines.join('\n')}\n`
  }
  const { workload } = sample
  lines.push('', paint('bold', `About ${million(workload.nodes)} nodes, ${million(workload.rows)} rows to write`))
  lines.push(...indented(tableLines(workRows(sample)).slice(1)))
  const free = freeBytes(dir)
  const isTight = free < need.peakBytes
  const room = `room for the result about ${formatBytes(need.finalBytes)}, while it runs about ${formatBytes(need.peakBytes)}, free ${formatBytes(free)}`
  lines.push(`  ${isTight ? paint('red', room) : room}`)
  lines.push('  (an estimate from a sample; preflight translates nothing and asks for more: the size of the source)')
  lines.push('', paint('bold', 'Forecast'), ...indented(tableLines(forecastRows(forecasts))))
  return `${lines.join('\n')}\n`
}

function diskRows(disk: DiskMeasure) {
  const mbPerSecond = (bytesPerMs: number) => `${(bytesPerMs / 1000).toFixed(0)} MB/s`
  return [
    ['', ''],
    ['written and made durable', mbPerSecond(disk.writeBytesPerMs)],
    [disk.isDirectRead ? 'read' : 'read, from memory', mbPerSecond(disk.readBytesPerMs)],
    ['fsync, median', `${disk.fsyncP50Ms.toFixed(2)} ms`],
    ['fsync, 99 of 100', `${disk.fsyncP99Ms.toFixed(2)} ms`],
    ['rows placed by the writer thread', `${million(disk.placeRowsPerSecond)}/s`],
    ['rows placed and made durable', `${million(disk.durableRowsPerSecond)}/s`],
  ]
}

function workRows({ nodes, workload }: WorkSample) {
  const { extract, splices, merge } = workload
  return [
    ['', ''],
    ['translated for this forecast', `${nodes} nodes`],
    ['nodes, one thread', durationText(extract.workMs)],
    ['splices, one thread', durationText(splices.workMs)],
    ['merge, one thread', durationText(merge.workMs)],
  ]
}

function forecastRows(forecasts: readonly Forecast[]) {
  const head = ['cores', 'time', 'bound by', 'memory']
  return [
    head,
    ...forecasts.map(({ cores, elapsedMs, boundBy, memoryBytes }) => [
      cores,
      durationText(elapsedMs),
      boundBy,
      formatBytes(memoryBytes),
    ]),
  ]
}

function freeBytes(dir: string): number {
  const { bavail, bsize } = statfsSync(dir)
  return bavail * bsize
}

function million(value: number): string {
  if (value < 1e3) return String(Math.round(value))
  return value < 1e6 ? `${(value / 1000).toFixed(0)} k` : `${(value / 1e6).toFixed(1)} M`
}

function sizeOf(text: string): number {
  const bytes = parseBytes(text)
  if (bytes === null || bytes < 16 * 2 ** 20) throw new InvalidArgumentError('give 16M or more, like 512M or 2G')
  return bytes
}

// Forecasts a migration with bench-disk, then does it, and compares: `npm run bench:forecast -- --nodes 100000`
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Forecast, forecast } from '../src/forecast/forecast.js'
import type { DiskMeasure } from '../src/forecast/measure-disk.js'
import type { WorkSample } from '../src/forecast/sample-work.js'
import { machineText } from './machine.js'
import { LAUNCHER, makeCortex, settle } from './made-cortex.js'
import { measureProcess, tailOf } from './measured-process.js'
import { spreadOf, tableText } from './statistics.js'

const BENCH_DISK = fileURLToPath(new URL('../../bin/synapse-migrator.mjs', import.meta.url))
/** A forecast may be off by so much, either way. */
const FACTOR = 1.5

const { values: args } = parseArgs({
  options: {
    nodes: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    forms: { type: 'string' },
    /** Takes this Cortex instead of a made one. */
    src: { type: 'string' },
    workers: { type: 'string', default: String(availableParallelism()) },
    runs: { type: 'string', default: '3' },
    dir: { type: 'string', default: tmpdir() },
  },
})

mkdirSync(args.dir, { recursive: true })
const dir = mkdtempSync(join(resolve(args.dir), 'bench-forecast-'))
try {
  const src = args.src ?? join(dir, 'src')
  if (args.src === undefined) makeCortex(src, { nodes: Number(args.nodes), seed: Number(args.seed), forms: args.forms })
  console.log(machineText())
  const foretold = foretell(src)
  const real = await migrate(src)
  const rows = [
    row('time, s', foretold.elapsedMs / 1000, real.wallMs / 1000),
    row('own memory, MiB', foretold.memoryBytes / 2 ** 20, real.peakOwnBytes / 2 ** 20),
  ]
  console.log(`\n${tableText([`${args.workers} workers`, 'foretold', 'real', 'ratio'], rows)}`)
  for (const { name, elapsedMs, boundBy } of foretold.phases) {
    console.log(`  ${name}: ${(elapsedMs / 1000).toFixed(1)} s, bound by ${boundBy}`)
  }
  const ratio = foretold.elapsedMs / real.wallMs
  const isGood = ratio < FACTOR && ratio > 1 / FACTOR
  console.log(`\n${isGood ? 'within' : 'NOT WITHIN'} a factor of ${FACTOR}`)
  if (!isGood) process.exitCode = 1
} finally {
  rmSync(dir, { recursive: true, force: true })
}

/** As many workers as the run has, whether or not they are in the table of bench-disk. */
function foretell(src: string): Forecast {
  settle()
  const command = [BENCH_DISK, 'bench-disk', dir, '--src', src, '--json']
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8', maxBuffer: 2 ** 24 })
  if (status !== 0) throw new Error(`bench-disk ended with exit code ${status}\n${stderr}`)
  const { disk, sample, memory } = JSON.parse(stdout) as { disk: DiskMeasure; sample: WorkSample; memory: number }
  return forecast(sample.workload, disk, Number(args.workers), memory)
}

async function migrate(src: string): Promise<{ wallMs: number; peakOwnBytes: number }> {
  const dest = join(dir, 'dest')
  const logPath = join(dir, 'run.log')
  const times: number[] = []
  let peakOwnBytes = 0
  for (let run = 0; run < Number(args.runs); run++) {
    rmSync(dest, { recursive: true, force: true })
    settle()
    const command = [process.execPath, LAUNCHER, '--src', src, '--dest', dest, '--workers', args.workers]
    const measured = await measureProcess(command, { logPath })
    // 8: all done but for rows that are in the migration log
    if (measured.exitCode !== 0 && measured.exitCode !== 8) throw new Error(tailOf(logPath))
    times.push(measured.wallMs)
    peakOwnBytes = Math.max(peakOwnBytes, measured.peakOwnBytes)
  }
  return { wallMs: spreadOf(times).median, peakOwnBytes }
}

function row(name: string, foretold: number, real: number): string[] {
  return [name, foretold.toFixed(1), real.toFixed(1), (foretold / real).toFixed(2)]
}

// How long a migration would take on other machines: `node dist/bench/simulate.js --nodes 100000000 --cores 1,8,64`
import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { type DiskRates, diskNeed, forecast, type StageWork, type Workload } from '../src/forecast/forecast.js'
import { durationText } from '../src/forecast/forecast-chart.js'
import { tableText } from './statistics.js'

const USAGE = `node dist/bench/simulate.js [options]

  --nodes N     nodes of the Cortex (10000000)
  --from FILE   rates measured by "synapse-migrator bench-disk DIR --src CORTEX --json" (else those of docs/scaling.md)
  --cores LIST  by comma (1,2,4,8,16,32,64)
  --disk LIST   MB/s written, by comma (100,500,1000,3500,7000); read at the same speed
  --speed F     how much faster one core is than that of the rates (1)
  --memory GIB  of the migration (1)
`
/** One thread, a million nodes with seven splices each: docs/scaling.md tells where and how it was measured. */
const MEASURED_NODES = 1_000_000
const MEASURED: Omit<Workload, 'nodes' | 'warmMs' | 'copiedBytes'> = {
  rows: 18_800_000,
  sourceBytes: 3_250_000_000,
  extract: { workMs: 4200, pageBytes: 685_000_000, runBytes: 435_000_000 },
  merge: { workMs: 1000, pageBytes: 630_000_000, runBytes: 0 },
  splices: { workMs: 2300, pageBytes: 475_000_000, runBytes: 0 },
}
const WARM_MS = 160
const PLACE_BYTES_PER_MS = 1_400_000
/** Of a disk with a cache that holds what it says it has. */
const FSYNC_MS = 1

const { values: args } = parseArgs({
  options: {
    nodes: { type: 'string', default: '10000000' },
    from: { type: 'string' },
    cores: { type: 'string', default: '1,2,4,8,16,32,64' },
    disk: { type: 'string', default: '100,500,1000,3500,7000' },
    speed: { type: 'string', default: '1' },
    memory: { type: 'string', default: String(Math.min(1, totalmem() / 4 / 2 ** 30)) },
    help: { type: 'boolean', default: false },
  },
})

if (args.help) console.log(USAGE)
else simulate()

function simulate(): void {
  const { workload, placeWorkBytesPerMs } = args.from === undefined ? typical() : measured(args.from)
  const speed = Number(args.speed)
  const work = scaled(workload, Number(args.nodes) / workload.nodes, speed)
  const cores = args.cores.split(',').map(Number)
  const disks = args.disk.split(',').map(Number)
  const rows = cores.map((count) => [
    String(count),
    ...disks.map((mb) => cellText(work, diskOf(mb, placeWorkBytesPerMs * speed), count)),
  ])
  const need = diskNeed(work)
  const gib = (bytes: number) => (bytes / 2 ** 30).toFixed(1)
  console.log(
    `${work.nodes.toLocaleString('en-US')} nodes, ${Math.round(work.rows).toLocaleString('en-US')} rows to write; ` +
      `result ${gib(need.finalBytes)} GiB, while it runs ${gib(need.peakBytes)} GiB\n`,
  )
  console.log(tableText(['cores', ...disks.map((mb) => `${mb} MB/s`)], rows))
  console.log('\nBound by c: cores, w: the writer thread, d: the disk; in brackets million rows a second')
}

function cellText(work: Workload, disk: DiskRates, cores: number): string {
  const { elapsedMs, boundBy } = forecast(work, disk, cores, Number(args.memory) * 2 ** 30)
  return `${durationText(elapsedMs)} ${boundBy[0]} (${(work.rows / elapsedMs / 1000).toFixed(1)})`
}

function diskOf(mbPerSecond: number, placeWorkBytesPerMs: number): DiskRates {
  const bytesPerMs = mbPerSecond * 1000
  return {
    writeBytesPerMs: bytesPerMs,
    readBytesPerMs: bytesPerMs,
    fsyncP50Ms: FSYNC_MS,
    fsyncP99Ms: FSYNC_MS,
    // Past the page cache, the writer thread waits for the disk.
    placeBytesPerMs: 1 / (1 / placeWorkBytesPerMs + 1 / bytesPerMs),
    placeWorkBytesPerMs,
  }
}

function typical(): { workload: Workload; placeWorkBytesPerMs: number } {
  const workload = { ...MEASURED, nodes: MEASURED_NODES, warmMs: WARM_MS, copiedBytes: 0 }
  return { workload, placeWorkBytesPerMs: PLACE_BYTES_PER_MS }
}

function measured(path: string): { workload: Workload; placeWorkBytesPerMs: number } {
  const { disk, sample } = JSON.parse(readFileSync(path, 'utf8'))
  if (!sample) throw new Error(`${path} has no sample of a Cortex: run bench-disk with --src`)
  return { workload: sample.workload, placeWorkBytesPerMs: disk.placeWorkBytesPerMs }
}

function scaled(work: Workload, scale: number, speed: number): Workload {
  const stage = ({ workMs, pageBytes, runBytes }: StageWork): StageWork => ({
    workMs: (workMs * scale) / speed,
    pageBytes: pageBytes * scale,
    runBytes: runBytes * scale,
  })
  return {
    nodes: Math.round(work.nodes * scale),
    rows: work.rows * scale,
    sourceBytes: work.sourceBytes * scale,
    copiedBytes: work.copiedBytes,
    warmMs: work.warmMs / speed,
    extract: stage(work.extract),
    merge: stage(work.merge),
    splices: stage(work.splices),
  }
}

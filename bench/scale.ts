// Ours alone over sizes and worker threads: `npm run bench:scale -- --nodes 30000,300000,3000000 --workers 1,2`;
// or over sizes of partitions: `npm run bench:scale -- --nodes 200000 --partition 8M --partition 32K`
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { parseBytes } from '../src/bytes/size-text.js'
import { type DestFacts, readDest } from './dest-facts.js'
import { machineText } from './machine.js'
import { LAUNCHER, makeCortex, settle, warm } from './made-cortex.js'
import { cpuMs, type Measured, measureProcess, seconds, tailOf } from './measured-process.js'
import { type PartitionPoint, partitionPoints, partitionsText } from './partition-scale.js'
import { tableText } from './statistics.js'

interface Point extends Measured, DestFacts {
  readonly workers: number
}

const { values: args } = parseArgs({
  options: {
    /** Sizes and numbers of worker threads, by comma. */
    nodes: { type: 'string', default: '30000,300000,3000000' },
    workers: { type: 'string', default: workersUpTo(availableParallelism()).join(',') },
    /** Of each the fastest counts. */
    runs: { type: 'string', default: '2' },
    seed: { type: 'string', default: '1' },
    forms: { type: 'string' },
    forks: { type: 'string' },
    /** Of ours, like 512M. */
    memory: { type: 'string' },
    /** Source bytes of a partition, one after the other: cuts a Cortex into as many as a large one has. One number of workers. */
    partition: { type: 'string', multiple: true },
    /** Source bytes of the partitions that a task takes; 1: a task for each partition. */
    task: { type: 'string' },
    /** Takes these Cortexes instead of made ones; with --partition one. */
    src: { type: 'string', multiple: true },
    /** Where to work: about 8 KB a node. */
    dir: { type: 'string', default: tmpdir() },
    json: { type: 'string' },
  },
})

mkdirSync(args.dir, { recursive: true })
const dir = mkdtempSync(join(resolve(args.dir), 'bench-scale-'))
const machine = machineText()
console.log(machine)
try {
  const found = args.partition === undefined ? await sizes() : await partitions(args.partition)
  console.log(`\n${found.text}`)
  if (args.json !== undefined)
    writeFileSync(args.json, `${JSON.stringify({ machine, points: found.points }, null, 2)}\n`)
} finally {
  rmSync(dir, { recursive: true, force: true })
}

async function sizes(): Promise<{ text: string; points: readonly Point[] }> {
  const points: Point[] = []
  for (const given of args.src ?? numbersOf(args.nodes)) {
    const src = typeof given === 'number' ? made(given) : given
    if (src === given) warm(src)
    for (const workers of numbersOf(args.workers)) points.push(await fastest(src, workers))
  }
  return { text: `${pointsText(points)}\n\n${growthText(points)}`, points }
}

async function partitions(sizes: readonly string[]): Promise<{ text: string; points: readonly PartitionPoint[] }> {
  const src = args.src?.[0] ?? made(numbersOf(args.nodes)[0])
  if (args.src !== undefined) warm(src)
  const memoryBytes = args.memory === undefined ? undefined : parseBytes(args.memory)
  if (memoryBytes === null) throw new Error(`"${args.memory}" is no size of memory`)
  const taskBytes = args.task === undefined ? undefined : Number(parseBytes(args.task))
  const workers = numbersOf(args.workers).at(-1) ?? 1
  const points = await partitionPoints(src, dir, { sizes, workers, memoryBytes, taskBytes, runs: Number(args.runs) })
  return { text: partitionsText(points), points }
}

function made(nodes: number): string {
  const src = join(dir, 'src')
  rmSync(src, { recursive: true, force: true })
  makeCortex(src, { nodes, seed: Number(args.seed), forms: args.forms, forks: args.forks })
  return src
}

async function fastest(src: string, workers: number): Promise<Point> {
  const dest = join(dir, 'dest')
  const logPath = join(dir, 'run.log')
  const memory = args.memory === undefined ? [] : ['--memory', args.memory]
  const command = [process.execPath, LAUNCHER, '--src', src, '--dest', dest, '--workers', String(workers), ...memory]
  const points: Point[] = []
  for (let run = 0; run < Number(args.runs); run++) {
    rmSync(dest, { recursive: true, force: true })
    settle()
    const measured = await measureProcess(command, { logPath })
    if (measured.exitCode !== 0) throw new Error(`migrate_020 ended with ${measured.exitCode}\n${tailOf(logPath)}`)
    points.push({ workers, ...measured, ...readDest(dest) })
    rmSync(dest, { recursive: true, force: true })
    process.stderr.write(`${points[run].nodes} nodes, ${workers} workers: ${seconds(measured.wallMs)} s\n`)
  }
  const best = points.reduce((a, b) => (b.wallMs < a.wallMs ? b : a))
  // Memory is what the hungriest run took: an operator has to have it.
  const highest = (pick: (point: Point) => number) => Math.max(...points.map(pick))
  return { ...best, peakRssBytes: highest((p) => p.peakRssBytes), peakOwnBytes: highest((p) => p.peakOwnBytes) }
}

function pointsText(points: readonly Point[]): string {
  const head = ['nodes', 'workers', 'wall, s', 'CPU, s', 'CPU, us/node', 'k nodes/s', 'M rows/s', 'own MiB', 'RSS MiB']
  const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(0)
  const rows = points.map((point) => [
    String(point.nodes),
    String(point.workers),
    seconds(point.wallMs),
    seconds(cpuMs(point)),
    ((1000 * cpuMs(point)) / point.nodes).toFixed(1),
    (point.nodes / point.wallMs).toFixed(1),
    (point.rows / point.wallMs / 1000).toFixed(2),
    mib(point.peakOwnBytes),
    mib(point.peakRssBytes),
  ])
  return tableText(head, rows)
}

/** How time grows from each size to the next, with the same workers. */
function growthText(points: readonly Point[]): string {
  const lines = points.flatMap((point) => {
    const smaller = points.filter(({ workers, nodes }) => workers === point.workers && nodes < point.nodes)
    const before = smaller.at(-1)
    if (before === undefined) return []
    const factor = (value: number) => value.toFixed(1)
    return `${before.nodes} -> ${point.nodes} nodes, ${point.workers} workers: ${factor(point.nodes / before.nodes)}x the data in ${factor(point.wallMs / before.wallMs)}x the time`
  })
  return lines.join('\n')
}

function numbersOf(list: string): number[] {
  return list.split(',').map(Number)
}

/** 1, 2, 4 ... and the number of cores. */
function workersUpTo(cores: number): number[] {
  const counts = [cores]
  for (let n = 1; n < cores; n *= 2) counts.push(n)
  return counts.sort((a, b) => a - b)
}

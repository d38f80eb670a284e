import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatBytes, parseBytes } from '../src/bytes/size-text.js'
import { readCheckpointHeads } from '../src/dest/checkpoints.js'
import { type DestFacts, readDest } from './dest-facts.js'
import { settle } from './made-cortex.js'
import { cpuMs, type Measured, measureProcess, seconds, tailOf } from './measured-process.js'
import { tableText } from './statistics.js'

const CHILD = fileURLToPath(new URL('./cut-run.js', import.meta.url))

export interface PartitionPoint extends Measured, DestFacts {
  readonly partitionBytes: number
  readonly workers: number
  /** Partitions of all layers, each of which leaves a run. */
  readonly runs: number
  readonly readBytes: number
  readonly writtenBytes: number
}

interface Setting {
  readonly workers: number
  readonly memoryBytes: number | undefined
  /** How many bytes of partitions a task takes; undefined: as usual. */
  readonly taskBytes: number | undefined
}

/** Migrates a Cortex with partitions of each size in turn: small ones stand for those of a large layer. */
export async function partitionPoints(
  src: string,
  dir: string,
  options: Setting & { sizes: readonly string[]; runs: number },
): Promise<PartitionPoint[]> {
  const best = new Map<string, PartitionPoint>()
  for (let run = 0; run < options.runs; run++) {
    for (const size of options.sizes) {
      const point = await measured(src, dir, size, options)
      const before = best.get(size)
      // Of time the lowest counts, as others use the machine too; of memory the highest.
      const least = before === undefined || cpuMs(point) < cpuMs(before) ? point : before
      best.set(size, { ...least, peakOwnBytes: Math.max(point.peakOwnBytes, before?.peakOwnBytes ?? 0) })
      process.stderr.write(`${size}: ${seconds(cpuMs(point))} s of CPU\n`)
    }
  }
  return [...best.values()]
}

export function partitionsText(points: readonly PartitionPoint[]): string {
  const [first] = points
  const head = ['partition', 'runs', 'wall, s', 'CPU, s', 'x', 'own MiB', 'x', 'read B/row', 'written B/row']
  const rows = points.map((point) => [
    formatBytes(point.partitionBytes),
    String(point.runs),
    seconds(point.wallMs),
    seconds(cpuMs(point)),
    (cpuMs(point) / cpuMs(first)).toFixed(2),
    (point.peakOwnBytes / 2 ** 20).toFixed(0),
    (point.peakOwnBytes / first.peakOwnBytes).toFixed(2),
    (point.readBytes / point.rows).toFixed(0),
    (point.writtenBytes / point.rows).toFixed(0),
  ])
  return `${first.nodes} nodes, ${first.rows} rows, ${first.workers} workers\n\n${tableText(head, rows)}`
}

async function measured(
  src: string,
  dir: string,
  size: string,
  { workers, memoryBytes, taskBytes }: Setting,
): Promise<PartitionPoint> {
  const partitionBytes = parseBytes(size)
  if (partitionBytes === null) throw new Error(`"${size}" is no size of a partition`)
  const destDir = join(dir, 'dest')
  const logPath = join(dir, 'run.log')
  const memory = memoryBytes === undefined ? {} : { memoryBytes }
  const task = taskBytes === undefined ? {} : { taskBytes }
  const input = { srcDir: src, destDir, workers, ...memory, pieces: { partitionBytes, ...task } }
  rmSync(destDir, { recursive: true, force: true })
  settle()
  const found = await measureProcess([process.execPath, CHILD, JSON.stringify(input)], { logPath })
  if (found.exitCode !== 0) throw new Error(`The migration ended with ${found.exitCode}\n${tailOf(logPath)}`)
  const io: { readBytes: number; writtenBytes: number } = JSON.parse(readFileSync(logPath, 'utf8'))
  const heads = [...readCheckpointHeads(destDir)].filter(([key]) => key.startsWith('nodes/'))
  const runs = heads.reduce((sum, [, { value }]) => sum + (value as { partitions: number }).partitions, 0)
  const point = { partitionBytes, workers, runs, ...found, ...io, ...readDest(destDir) }
  rmSync(destDir, { recursive: true, force: true })
  return point
}

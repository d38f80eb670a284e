import { BASE_BYTES, IN_FLIGHT_SHARE, WORKER_BYTES, WORKING_FACTOR } from '../source/memory-plan.js'
import { partitionBytesOf } from '../source/partitions.js'

/** The work for a whole Cortex, in thread time and bytes. */
export interface Workload {
  readonly nodes: number
  /** Rows that the destination's layers will have. */
  readonly rows: number
  /** Source bytes to read. */
  readonly sourceBytes: number
  /** Bytes to copy unchanged: the cell's own slabs and the axon. */
  readonly copiedBytes: number
  /** The time that a worker thread loses until its code runs at full speed. */
  readonly warmMs: number
  readonly extract: StageWork
  readonly splices: StageWork
  readonly merge: StageWork
}

export interface StageWork {
  /** Thread time at full speed. */
  readonly workMs: number
  /** Finished pages that go to the writer thread. */
  readonly pageBytes: number
  /** Sorted runs, which the workers write themselves. */
  readonly runBytes: number
}

/** The speed of the disk and of the writer thread. */
export interface DiskRates {
  /** Sequential durable writes, over the whole time that they took. */
  readonly writeBytesPerMs: number
  readonly readBytesPerMs: number
  readonly fsyncP50Ms: number
  readonly fsyncP99Ms: number
  /** The writer thread, with its waits for the disk but without syncs. */
  readonly placeBytesPerMs: number
  /** Its processor time alone. */
  readonly placeWorkBytesPerMs: number
}

export type Bound = 'cores' | 'writer thread' | 'disk'

export interface Phase {
  readonly name: string
  readonly elapsedMs: number
  readonly boundBy: Bound
}

export interface Forecast {
  readonly cores: number
  readonly elapsedMs: number
  /** The bottleneck of the longest phase: more of anything else gains nothing. */
  readonly boundBy: Bound
  readonly phases: readonly Phase[]
  /** Memory of the threads. The system's file cache comes on top, and can shrink. */
  readonly memoryBytes: number
}

/** Room on the destination's disk. */
export interface DiskNeed {
  readonly finalBytes: number
  /** While the sorted runs are there too. */
  readonly peakBytes: number
}

const MIB = 2 ** 20
/** Processes, modules, checks and cell steps of a small Cortex; docs/scaling.md describes the measurement. */
const START_MS = 600
/**
 * CPU time of the coordinator and of V8's own threads (garbage collection, compiling) per second of a worker thread.
 */
const OTHER_THREADS = 0.12
/** Cores share caches and memory: each additional core costs all of them this much speed. */
const CONTENTION = 0.01
/** Syncs that do not happen in the background: the last pages, the meta pages, directories. */
const LAST_SYNCS = 8
/** Partitions and merge units have about this many bytes, and each worker gets at least four. */
const TASK_BYTES = 8 * MIB
const LEAST_TASKS_PER_WORKER = 4
/** The writer remembers the first key of each leaf page until its database is done. */
const PAGE_BYTES = 4096
const KEPT_PER_PAGE_BYTES = 48

/**
 * Predicts a migration with one worker thread per core. Each of its two phases takes as long as the slowest of three:
 * the work of all threads on the cores, the writer thread, the disk. docs/scaling.md lists the assumptions.
 */
export function forecast(work: Workload, disk: DiskRates, cores: number, memoryBytes: number): Forecast {
  const { extract, splices, merge } = work
  const phases = [
    startPhase(work, disk),
    phase('extract and splices', add(extract, splices), work.sourceBytes, disk, cores),
    phase('merge', merge, 0, disk, cores),
  ]
  const longest = phases.reduce((a, b) => (b.elapsedMs > a.elapsedMs ? b : a))
  return {
    cores,
    elapsedMs: phases.reduce((sum, { elapsedMs }) => sum + elapsedMs, LAST_SYNCS * disk.fsyncP50Ms + disk.fsyncP99Ms),
    boundBy: longest.boundBy,
    phases,
    memoryBytes: memoryNeed(work, cores, memoryBytes),
  }
}

export function diskNeed({ extract, splices, merge, copiedBytes }: Workload): DiskNeed {
  const all = add(add(extract, splices), merge)
  const finalBytes = all.pageBytes + copiedBytes
  return { finalBytes, peakBytes: finalBytes + all.runBytes }
}

function startPhase({ copiedBytes, warmMs }: Workload, disk: DiskRates): Phase {
  const copyMs = copiedBytes / disk.writeBytesPerMs
  const ownMs = START_MS + warmMs
  return { name: 'start', elapsedMs: ownMs + copyMs, boundBy: copyMs > ownMs ? 'disk' : 'cores' }
}

function phase(name: string, stage: StageWork, readBytes: number, disk: DiskRates, cores: number): Phase {
  const workMs = stage.workMs * (1 + OTHER_THREADS) * (1 + CONTENTION * (cores - 1))
  const placeMs = stage.pageBytes / disk.placeBytesPerMs
  const tasks = Math.max((stage.pageBytes + stage.runBytes) / TASK_BYTES, LEAST_TASKS_PER_WORKER * cores)
  // The last tasks leave some cores idle, for half a task on average.
  const tailMs = cores === 1 ? 0 : workMs / tasks / 2
  const bounds: [Bound, number][] = [
    ['cores', (workMs + stage.pageBytes / disk.placeWorkBytesPerMs) / cores + tailMs],
    ['writer thread', placeMs],
    ['disk', (stage.pageBytes + stage.runBytes) / disk.writeBytesPerMs + readBytes / disk.readBytesPerMs],
  ]
  const [boundBy, elapsedMs] = bounds.reduce((a, b) => (b[1] > a[1] ? b : a))
  return { name, elapsedMs, boundBy }
}

function memoryNeed({ extract, merge, sourceBytes }: Workload, cores: number, memoryBytes: number): number {
  const partitionBytes = Math.min(partitionBytesOf(sourceBytes, { workers: cores, memoryBytes }), sourceBytes)
  const inFlight = Math.min(memoryBytes * IN_FLIGHT_SHARE, extract.pageBytes)
  const kept = ((extract.pageBytes + merge.pageBytes) / PAGE_BYTES) * KEPT_PER_PAGE_BYTES
  return BASE_BYTES + cores * (WORKER_BYTES + WORKING_FACTOR * partitionBytes) + inFlight + kept
}

function add(a: StageWork, b: StageWork): StageWork {
  return {
    workMs: a.workMs + b.workMs,
    pageBytes: a.pageBytes + b.pageBytes,
    runBytes: a.runBytes + b.runBytes,
  }
}

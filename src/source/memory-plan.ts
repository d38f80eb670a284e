const MIB = 2 ** 20
/** What a run takes with one idle worker: the main thread, the writer thread, and for a moment the process that copies slabs. */
export const BASE_BYTES = 160 * MIB
/** A worker thread before it has any rows: its heap and its code. */
export const WORKER_BYTES = 18 * MIB
/** A worker needs so many times the source bytes of its partition: index rows, sort keys, pages. */
export const WORKING_FACTOR = 4
export const LEAST_PARTITION_BYTES = MIB
/** Finished pages on their way to the writer thread may take this part of the budget. */
export const IN_FLIGHT_SHARE = 1 / 8
/** What the default budget leaves each of many workers for a partition: with less they would merge too many runs. */
const GOOD_PARTITION_BYTES = 2 * MIB

/** How many of so many workers the budget has room for, at least one: each takes memory even when it has little to do. */
export function workersWithin(workers: number, memoryBytes: number): number {
  const each = WORKER_BYTES + WORKING_FACTOR * LEAST_PARTITION_BYTES
  return Math.max(1, Math.min(workers, Math.floor(roomForWorkers(memoryBytes) / each)))
}

/** Source bytes of the largest partition that each of so many workers has room for, at least `LEAST_PARTITION_BYTES`. */
export function mostPartitionBytes(workers: number, memoryBytes: number): number {
  return Math.max(LEAST_PARTITION_BYTES, (roomForWorkers(memoryBytes) / workers - WORKER_BYTES) / WORKING_FACTOR)
}

/** The budget in which so many workers work well. */
export function memoryForWorkers(workers: number): number {
  const each = WORKER_BYTES + WORKING_FACTOR * GOOD_PARTITION_BYTES
  return Math.ceil((BASE_BYTES + workers * each) / (1 - IN_FLIGHT_SHARE))
}

function roomForWorkers(memoryBytes: number): number {
  return memoryBytes * (1 - IN_FLIGHT_SHARE) - BASE_BYTES
}

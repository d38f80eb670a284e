const MIB = 2 ** 20
/**
 * Memory of a run with one idle worker: the main thread, the writer thread, and for a while the process that copies
 * slabs.
 */
export const BASE_BYTES = 160 * MIB
/** Memory of a worker thread without any rows: its heap and its code. */
export const WORKER_BYTES = 18 * MIB
/** A worker needs this many times the source bytes of its partition: index rows, sort keys, pages. */
export const WORKING_FACTOR = 4
export const LEAST_PARTITION_BYTES = MIB
/** The share of the budget for finished pages on their way to the writer thread. */
export const IN_FLIGHT_SHARE = 1 / 8
/** The default budget gives each worker this much for a partition. With less, we would have to merge too many runs. */
const GOOD_PARTITION_BYTES = 2 * MIB

/** How many of these workers fit into the budget, at least one: each takes memory even when it has little to do. */
export function workersWithin(workers: number, memoryBytes: number): number {
  const each = WORKER_BYTES + WORKING_FACTOR * LEAST_PARTITION_BYTES
  return Math.max(1, Math.min(workers, Math.floor(roomForWorkers(memoryBytes) / each)))
}

/** The largest partition, in source bytes, that this many workers have room for; at least `LEAST_PARTITION_BYTES`. */
export function mostPartitionBytes(workers: number, memoryBytes: number): number {
  return Math.max(LEAST_PARTITION_BYTES, (roomForWorkers(memoryBytes) / workers - WORKER_BYTES) / WORKING_FACTOR)
}

/** The budget that this many workers need to work well. */
export function memoryForWorkers(workers: number): number {
  const each = WORKER_BYTES + WORKING_FACTOR * GOOD_PARTITION_BYTES
  return Math.ceil((BASE_BYTES + workers * each) / (1 - IN_FLIGHT_SHARE))
}

function roomForWorkers(memoryBytes: number): number {
  return memoryBytes * (1 - IN_FLIGHT_SHARE) - BASE_BYTES
}

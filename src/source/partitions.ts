import { BUID_BYTES } from '../bytes/buid.js'
import { type ByteList, ByteListBuilder, byteListOf, itemOf, sliceOf } from '../bytes/byte-list.js'
import type { DbReader } from '../page/page-reader.js'
import { mostPartitionBytes } from './memory-plan.js'

/** Source bytes per partition in most layers. Larger ones gain nothing, as sorting leaves the CPU caches. */
const USUAL_PARTITION_BYTES = 8 << 20
/**
 * A layer that would have more partitions than this gets larger ones, if memory allows: the merge reads the runs of
 * all.
 */
const USUAL_PARTITIONS = 512
/** At least this many partitions per worker even in a small layer, so that no worker waits long for the last one. */
const LEAST_PER_WORKER = 4
/** How many bytes a border has behind what it shares with the one before: hashes need no more, and a layer has many. */
const BORDER_BYTES = 8
/** A smaller layer is a single partition. */
const SMALL_BYTES = 1 << 20

/** A half-open range of buids; null means unbounded. */
export interface BuidRange {
  readonly start: Uint8Array | null
  readonly end: Uint8Array | null
}

/**
 * Cuts the buid key space at existing keys, so it does not matter how they are spread.
 *
 * @returns the borders between partitions, ascending: n borders make n+1 partitions. Each is the start of a buid
 */
export function planPartitions(
  dbs: readonly DbReader[],
  pageSize: number,
  {
    workers,
    memoryBytes,
    partitionBytes,
  }: { workers: number; memoryBytes: number; partitionBytes?: number | undefined },
): ByteList {
  const bytes = dbs.map(({ dataPages }) => dataPages * pageSize)
  const total = bytes.reduce((sum, n) => sum + n, 0)
  if (partitionBytes === undefined && total < SMALL_BYTES) return byteListOf([])
  const each = partitionBytes ?? partitionBytesOf(total, { workers, memoryBytes })
  const count = Math.max(Math.ceil(total / each), LEAST_PER_WORKER * workers)
  // The larger database decides where to cut. Buids are hashes, so the cuts fit the other one as well.
  const largest = dbs[bytes.indexOf(Math.max(...bytes))]
  return bordersAt(largest.separatorList(count * 4, count, BUID_BYTES))
}

/** As much of each key as tells it from the border before; those that are not behind it are left out. */
function bordersAt({ bytes, ends }: ByteList): ByteList {
  const borders = new ByteListBuilder()
  let [start, before, beforeBytes] = [0, 0, 0]
  for (const end of ends) {
    const keyBytes = end - start
    let shared = 0
    while (shared < beforeBytes && shared < keyBytes && bytes[before + shared] === bytes[start + shared]) shared++
    if (shared < keyBytes && (shared === beforeBytes || bytes[before + shared] < bytes[start + shared])) {
      before = start
      beforeBytes = Math.min(keyBytes, shared + BORDER_BYTES)
      borders.add(bytes, start, start + beforeBytes)
    }
    start = end
  }
  return borders.pack()
}

/** Source bytes of one partition of a layer of `bytes`. */
export function partitionBytesOf(
  bytes: number,
  { workers, memoryBytes }: { workers: number; memoryBytes: number },
): number {
  const most = Math.max(USUAL_PARTITION_BYTES, bytes / USUAL_PARTITIONS)
  return Math.min(most, mostPartitionBytes(workers, memoryBytes))
}

/**
 * How many consecutive partitions a task takes: where memory or a test allows small ones only, a message, a file and a
 * checkpoint for each would cost more than its rows.
 *
 * @param partitions how many there are, of `bytes` of the source in total
 * @param atOnce how many runs are merged at once: a task must not leave some for one merge and some for the next
 */
export function partitionsPerTask(
  bytes: number,
  partitions: number,
  { workers, atOnce, taskBytes }: { workers: number; atOnce: number; taskBytes: number | undefined },
): number {
  const wanted = ((taskBytes ?? USUAL_PARTITION_BYTES) * partitions) / Math.max(1, bytes)
  const most = Math.min(atOnce, taskBytes === undefined ? partitions / (LEAST_PER_WORKER * workers) : atOnce)
  let best = 1
  for (let count = 2; count <= most; count++) {
    if (atOnce % count === 0 && distance(count, wanted) < distance(best, wanted)) best = count
  }
  return best
}

/** How far a number is from another one: as twice as much is from half of it. */
function distance(count: number, wanted: number): number {
  return Math.max(count / wanted, wanted / count)
}

/** Half-open ranges between the borders. */
export function rangesOf(borders: ByteList, end: Uint8Array | null): BuidRange[] {
  const partitions = new Partitions(borders, end)
  return Array.from({ length: partitions.count }, (_, index) => partitions.range(index, index + 1))
}

/** Partitions by number. A large layer has so many that borders as objects would take more memory than what they say. */
export class Partitions {
  readonly count: number

  /** @param end where the last one ends; borders from there on do not count */
  constructor(
    private readonly borders: ByteList,
    private readonly end: Uint8Array | null,
  ) {
    let count = borders.ends.length
    while (end !== null && count > 0 && Buffer.compare(itemOf(borders, count - 1), end) >= 0) count--
    this.count = count + 1
  }

  /** The range of the partitions from `first` to before `end`. */
  range(first: number, end: number): BuidRange {
    const last = Math.min(end, this.count)
    return {
      start: first === 0 ? null : this.border(first - 1),
      end: last === this.count ? this.end : this.border(last - 1),
    }
  }

  /** The borders within that range. */
  within(first: number, end: number): ByteList {
    return sliceOf(this.borders, first, Math.max(first, Math.min(end, this.count) - 1))
  }

  /** A copy: a view would take the borders of all along when it goes to another thread. */
  private border(index: number): Uint8Array {
    return itemOf(this.borders, index).slice()
  }
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  BASE_BYTES,
  LEAST_PARTITION_BYTES,
  memoryForWorkers,
  mostPartitionBytes,
  WORKER_BYTES,
  WORKING_FACTOR,
  workersWithin,
} from '../../src/source/memory-plan.js'

const MIB = 2 ** 20

test('workersWithin() starts as many workers as the budget has room for, and at least one', () => {
  assert.deepEqual(
    [32, 160, 256, 512, 1024, 2048, 8192].map((mib) => workersWithin(64, mib * MIB)),
    [1, 1, 2, 13, 33, 64, 64],
  )
  assert.equal(workersWithin(2, 1024 * MIB), 2)
})

test('workers and their partitions stay within seven eighths of the budget; the rest is for pages on their way', () => {
  for (const mib of [256, 512, 1000, 1024, 4096]) {
    for (const asked of [1, 2, 3, 8, 31, 64, 200]) {
      const workers = workersWithin(asked, mib * MIB)
      const each = WORKER_BYTES + WORKING_FACTOR * mostPartitionBytes(workers, mib * MIB)
      assert.ok(BASE_BYTES + workers * each <= (mib * MIB * 7) / 8 + 1, `${asked} workers, ${mib} MiB`)
      assert.ok(mostPartitionBytes(workers, mib * MIB) >= LEAST_PARTITION_BYTES)
    }
  }
})

test('memoryForWorkers() is a budget that has room for all of them', () => {
  for (const workers of [1, 2, 8, 64, 256]) assert.equal(workersWithin(workers, memoryForWorkers(workers)), workers)
})

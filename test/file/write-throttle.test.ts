import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WriteThrottle } from '../../src/file/write-throttle.js'

test('WriteThrottle lets all writers through one after the other, each when its turn has come', () => {
  const numbers = new BigInt64Array(new SharedArrayBuffer(24))
  let nowNs = 5_000_000_000n
  const waits: number[] = []
  const clock = { nowNs: () => nowNs, waitMs: (ms: number) => void waits.push(ms) }
  // 1 MB/s: 1000 bytes take a millisecond.
  const [one, other] = [0, 1].map(() => new WriteThrottle({ numbers, nsPerByte: 1000 }, clock))
  one.pass(2000)
  other.pass(1000)
  one.pass(4000)
  assert.deepEqual(waits, [2, 3])
  // Time in which nothing was written is not saved up.
  nowNs += 60_000_000_000n
  one.pass(3000)
  one.pass(1)
  assert.deepEqual(waits, [2, 3, 3])
  assert.deepEqual(other.totals, { bytes: 10_001, waitedMs: 8 })
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChunkSender, makeCredits, release } from '../../src/thread/chunk-sender.js'
import { RunLoad } from '../../src/thread/run-load.js'
import { streamPorts } from '../../src/thread/task-pool.js'

test('RunLoad tells what two threads did and waited for, and what tasks took without their wait for a thread', () => {
  let nowMs = 0
  const load = new RunLoad(2, () => nowMs)
  const end = new Map<string, () => void>()
  const at = (ms: number, ...changes: (() => void)[]) => {
    nowMs = ms
    for (const change of changes) change()
  }
  const task = (id: string, name: string) => () => void end.set(id, load.beginTask(name))
  const call = (id: string, method: string) => () => void end.set(id, load.beginCall(method))
  const ended = (id: string) => () => end.get(id)?.()

  // Until 100 nobody has work, as the writer is busy.
  at(0, call('cell', 'cellSteps'))
  at(100, ended('cell'), task('a', 'extractNodes'), task('b', 'extractNodes'), task('c', 'mergeRuns'))
  at(100, call('ra', 'receive'), call('rb', 'receive'), call('rc', 'receive'))
  // Two of three tasks run: the third begins when the first ends.
  at(300, ended('a'))
  assert.equal(load.runningMs, 200)
  at(400, ended('b'))
  // One thread has nothing to do, and the writer has the pages of two tasks that have ended.
  at(500, ended('ra'), ended('rb'))
  // Still one: there is no more work. Then what was made has to become durable first.
  at(600, call('commit', 'commit'))
  at(700, ended('commit'), ended('c'), ended('rc'))

  assert.deepEqual(load.waits, { workMs: 900, writerMs: 300, diskMs: 100, idleMs: 100 })
  assert.equal(load.taskMs('extractNodes'), 200 + 300)
  assert.equal(load.taskMs('mergeRuns'), 400)
  assert.equal(load.runningMs, 0)
})

test('RunLoad counts the time that a task waits to send its pages as waiting for the writer, round the counter', () => {
  let nowMs = 0
  const load = new RunLoad(1, () => nowMs)
  const credits = makeCredits(1024)
  credits.waitedUs[0] = -1000
  load.watch({ ...credits, waitedUs: credits.waitedUs })
  assert.equal(load.waits.writerMs, 0)
  load.beginTask('extractNodes')
  nowMs = 100
  Atomics.add(credits.waitedUs, 0, 40_000)
  assert.deepEqual(load.waits, { workMs: 60, writerMs: 40, diskMs: 0, idleMs: 0 })
})

test('RunLoad loses nothing of a wait that is longer than the time since it was last asked', () => {
  let nowMs = 0
  const load = new RunLoad(1, () => nowMs)
  const credits = makeCredits(1024)
  load.watch(credits)
  load.beginTask('extractNodes')
  // A task notes its wait when it is over; the account is kept meanwhile.
  for (nowMs = 10; nowMs < 100; nowMs += 10) assert.equal(load.waits.writerMs, 0)
  Atomics.add(credits.waitedUs, 0, 90_000)
  assert.deepEqual(load.waits, { workMs: 90, writerMs: 10, diskMs: 0, idleMs: 0 })
  nowMs = 200
  assert.deepEqual(load.waits, { workMs: 110, writerMs: 90, diskMs: 0, idleMs: 0 })
})

test('RunLoad counts merged runs that are made durable as waiting for the disk', () => {
  let nowMs = 0
  const load = new RunLoad(1, () => nowMs)
  const end = load.beginCall('commitRuns')
  nowMs = 50
  end()
  assert.deepEqual(load.waits, { workMs: 0, writerMs: 0, diskMs: 50, idleMs: 0 })
})

test('ChunkSender notes that it waited, and only then', () => {
  const credits = makeCredits(8)
  const { task, writer } = streamPorts()
  const chunk = () => ({ bytes: new Uint8Array(4096), fixups: new Uint32Array(0) }) as never
  const sender = new ChunkSender(task, 0, credits)
  sender.send(chunk())
  assert.equal(credits.waitedUs[0], 0)
  // Over the budget by now; what was sent is placed by the time it looks again.
  const { wait } = Atomics
  const mutable = Atomics as { wait: typeof wait }
  mutable.wait = ((cell: Int32Array, at: number, value: number) => {
    wait(cell, at, value, 5)
    release(credits, 4096)
    return 'ok'
  }) as typeof wait
  try {
    sender.send(chunk())
  } finally {
    mutable.wait = wait
  }
  assert.ok(credits.waitedUs[0] >= 4000, `${credits.waitedUs[0]}`)
  task.close()
  writer.close()
})

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Worker } from 'node:worker_threads'
import { MigrationError } from '../../src/errors.js'
import { streamPorts, TaskPool } from '../../src/thread/task-pool.js'
import { fromWire, toWire, unwrap } from '../../src/thread/wire-error.js'
import { WriterClient } from '../../src/thread/writer-client.js'

const support = join(import.meta.dirname, '..', 'support')
const oddTasks = new URL('../support/odd-tasks.js', import.meta.url)
const none = {} as never

test('TaskPool with 8 threads and one task closes without aborting the process', async () => {
  const ends = Array.from({ length: 4 }, async () => {
    const child = spawn(process.execPath, [join(support, 'pool-once.js')], { stdio: ['ignore', 'pipe', 'inherit'] })
    let out = ''
    child.stdout.on('data', (text) => {
      out += text
    })
    const status = await new Promise((resolve) => child.on('close', resolve))
    assert.deepEqual([status, out], [0, 'closed'])
  })
  await Promise.all(ends)
})

test('TaskPool.run() throws the error of a task with its class, code and hint', async () => {
  const pool = new TaskPool(1, oddTasks)
  await assert.rejects(pool.run('copyNodedata', none), (err) => {
    assert.ok(err instanceof MigrationError)
    assert.deepEqual([err.code, err.message, err.hint], ['ERR_SLAB_CORRUPT', 'Cannot read slab "x"', 'look at it'])
    assert.equal(err.exitCode, 5)
    return true
  })
  await assert.rejects(pool.run('mergeRuns', none), /boom/)
  await pool.close()
})

test('TaskPool lets go of ports that tasks have closed while there are more tasks: they would pile up', async () => {
  const pool = new TaskPool(1, oddTasks)
  let closed = 0
  const ended = Array.from({ length: 100 }, () => {
    const { task, writer } = streamPorts()
    writer.on('close', () => closed++).unref()
    return pool.run('checkPages', { port: task } as never, [task])
  })
  await Promise.all(ended)
  for (let turn = 0; turn < 1000 && closed < 80; turn++) await setImmediate()
  assert.ok(closed >= 80, `${closed} of 100 ports are closed when the last task has ended`)
  await pool.close()
})

test('TaskPool keeps no result of a task that has ended: a large layer has hundreds of thousands', async () => {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const pool = new TaskPool(1, oddTasks)
  const results: WeakRef<object>[] = []
  for (let i = 0; i < 20; i++) results.push(new WeakRef((await pool.run('checkRun', none)) as unknown as object))
  // The last ones may still be on the stack.
  for (let i = 0; i < 5; i++) await pool.run('checkRun', none)
  await setImmediate()
  collect()
  assert.equal(results.filter((result) => result.deref() !== undefined).length, 0)
  await pool.close()
})

test('TaskPool.run() rejects when the thread of the task ends', async () => {
  const pool = new TaskPool(1, oddTasks)
  await assert.rejects(pool.run('extractNodes', none), /exit/i)
  await pool.close()
})

test('TaskPool.close() ends tasks that wait for a writer that is gone', async () => {
  const pool = new TaskPool(2, oddTasks)
  const waiting = pool.run('extractSpliceRange', none)
  const ended = assert.rejects(waiting)
  await pool.close()
  await ended
})

test('TaskPool.run() rejects when what it was told to break on does: the writer that the task waits for', async () => {
  const pool = new TaskPool(1, oddTasks)
  let fail: (err: Error) => void = () => {}
  pool.breakOn(
    new Promise((_, reject) => {
      fail = reject
    }),
  )
  const ended = assert.rejects(pool.run('extractSpliceRange', none), /the writer is gone/)
  fail(new Error('the writer is gone'))
  await ended
  await pool.close()
})

test('WriterClient.call() throws the error of the writer with its code', async () => {
  const lines: string[] = []
  const writer = new WriterClient((level, text) => lines.push(`${level} ${text}`))
  await assert.rejects(writer.call('finishSlab', { slab: 'none' }), { code: 'ERR_INTERNAL', message: /"none"/ })
  await writer.close()
})

test('WriterClient fails every call when its thread ends, those that wait and those that come', async () => {
  const writer = new WriterClient(() => {})
  const pending = writer.call('sync', { destDir: 'none' })
  const ended = { message: /^The writer thread ended with code \d+$/ }
  const waiting = assert.rejects(pending, ended)
  const broken = assert.rejects(writer.broken, ended)
  // Before it has loaded its code, so that it answers nothing.
  await (writer as unknown as { worker: Worker }).worker.terminate()
  await Promise.all([waiting, broken])
  await assert.rejects(writer.call('sync', { destDir: 'none' }), ended)
  await writer.close()
})

test('unwrap() gives the value, or the error as it was on the other side', () => {
  assert.equal(unwrap({ ok: 5 }), 5)
  const cause = new MigrationError('ERR_DEST', 'Cannot write', { hint: 'make room' })
  assert.throws(() => unwrap({ error: toWire(cause) }), { code: 'ERR_DEST', hint: 'make room', stack: cause.stack })
  const plain = fromWire(toWire(new RangeError('far')))
  assert.deepEqual([plain.message, plain instanceof MigrationError], ['far', false])
  assert.equal(fromWire(toWire('text')).message, 'text')
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
  assert.equal((fromWire(toWire(full)) as NodeJS.ErrnoException).code, 'ENOSPC')
})

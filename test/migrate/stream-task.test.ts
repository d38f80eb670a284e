import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { MessagePort } from 'node:worker_threads'
import { runStream } from '../../src/migrate/stream-task.js'
import { type Credits, makeCredits } from '../../src/thread/chunk-sender.js'
import type { TaskPool } from '../../src/thread/task-pool.js'
import type { LayerWriterPort } from '../../src/writer/layer-writer.js'

test('runStream() leaves no port open when its task never started, as the process would not end', async (t) => {
  let closed: Promise<unknown> = Promise.reject(new Error('nobody receives'))
  closed.catch(() => {})
  const call = async (_: string, { port }: { port: MessagePort }) => {
    port.on('message', () => {})
    t.after(() => port.close())
    closed = once(port, 'close', { signal: AbortSignal.timeout(10_000) })
    await closed
  }
  const pool = { run: async () => Promise.reject(new Error('the pool was closed')) }
  const threads = {
    pool: pool as unknown as TaskPool,
    writer: { call } as unknown as LayerWriterPort,
    credits: makeCredits(8),
  }
  const input = { layer: '', slabPath: '', start: 0, end: null, model: { now: 0, additions: [] } }
  await assert.rejects(runStream(threads, { slab: '', stream: 0 }, 'extractSpliceRange', input), /the pool was closed/)
  await closed
})

test('runStream() takes what its task sends when the writer cannot, so that no task waits for its bytes', async () => {
  const run = async (_: string, { port, credits }: { port: MessagePort; credits: Credits }) => {
    const { inFlightBytes } = credits
    Atomics.add(inFlightBytes, 0, 100)
    port.postMessage({ type: 'chunk', stream: 0, chunk: { bytes: new Uint8Array(60) } })
    port.postMessage({ type: 'end', stream: 0, chunk: { bytes: new Uint8Array(40) } })
    const closed = once(port, 'close', { signal: AbortSignal.timeout(10_000) })
    port.on('message', () => {})
    await closed
    assert.equal(Atomics.load(inFlightBytes, 0), 0)
  }
  const threads = {
    pool: { run } as unknown as TaskPool,
    writer: { call: () => assert.fail('nobody is ready') } as unknown as LayerWriterPort,
    credits: makeCredits(8),
  }
  const input = { layer: '', slabPath: '', start: 0, end: null, model: { now: 0, additions: [] } }
  const place = { slab: '', stream: 0, ready: Promise.reject(new Error('the disk is full')) }
  await assert.rejects(runStream(threads, place, 'extractSpliceRange', input), /the disk is full/)
})

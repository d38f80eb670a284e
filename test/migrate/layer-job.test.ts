import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { SPLICES_SCHEMA, type SplicesStream } from '../../src/layout/records.js'
import { LayerJob, type Noted } from '../../src/migrate/layer-job.js'
import type { StreamThreads } from '../../src/migrate/stream-task.js'
import { tempDir } from '../support/fixture.js'

const COUNTS = { rows: 1, translated: 2, renamed: 0, oldFailures: 0, missing: 0, gaps: [], messages: [] }

test('LayerJob reads the notes of an earlier run some at a time, and forgets those that kind.keep() leaves out', async () => {
  const dir = tempDir()
  writeFileSync(join(dir, 'data.mdb'), '')
  const fingerprint = {
    schema: SPLICES_SCHEMA,
    layer: 'aa',
    slabs: { splices: { txnId: 1, pages: 2, rows: 3, digest: '0123456789abcdef' } },
    model: '{}',
  } as const
  const head = { fingerprint, starts: [0], isBuilt: false }
  // Numbers have gaps, and the pages of 7 are damaged.
  const notes = [0, 1, 4, 7, 9, 12, 13].map((stream): SplicesStream => {
    const counts = { ...COUNTS, failures: stream, firstOffset: null, lastOffset: null }
    const state = { stream, keyBase: 0, extents: [], digest: '0123456789abcdef', leaves: null }
    return { stream, counts, slab: 'splices/aa', state }
  })
  let most = 0
  let dropped: unknown = null
  const writer = {
    call: async (method: string, args: { from: number; dropped: unknown }) => {
      if (method === 'checkpoint') return head
      if (method === 'notes') return notes.filter(({ stream }) => stream >= args.from).slice(0, 3)
      if (method === 'resume') dropped = args.dropped
      return null
    },
  }
  const pool = {
    workers: 1,
    run: async (_: string, { streams }: { streams: { stream: number }[] }) => {
      most = Math.max(most, streams.length)
      return streams.flatMap(({ stream }) => (stream === 7 ? [stream] : []))
    },
  }
  let errors = 0
  const events = { warn: () => {}, info: () => {}, errors: (count: number) => (errors += count) }
  const job = new LayerJob(
    {
      step: 'splices',
      iden: 'aa',
      slabs: [{ slab: 'splices/aa', dir, finalDir: dir }],
      fromLast: true,
      noted: ({ stream, counts }: SplicesStream): Noted => ({
        stream,
        errors: counts.failures,
        partition: null,
        run: null,
      }),
      runsOf: () => [],
      keep: (streams, damaged) => streams.filter(({ stream }) => !damaged.has(stream) && stream < 13),
      startsOver: () => null,
      texts: { noCheckpoint: '', gone: '', again: (some) => some },
    },
    { pool, writer, credits: null } as unknown as StreamThreads,
    events,
  )
  const saved = await job.load(fingerprint)
  assert.ok(saved !== null)
  const found: number[] = []
  for await (const { stream } of saved.notes()) found.push(stream)
  assert.deepEqual(
    found,
    notes.map(({ stream }) => stream),
  )
  const { noted, kept, ready } = await job.begin(saved, head)
  await ready
  assert.deepEqual(
    noted.map(({ stream }) => stream),
    found,
  )
  assert.deepEqual(
    kept.map(({ stream }) => stream),
    [0, 1, 4, 9, 12],
  )
  assert.deepEqual(dropped, [7, 13])
  assert.equal(errors, 0 + 1 + 4 + 9 + 12)
  assert.equal(most, 3)
})

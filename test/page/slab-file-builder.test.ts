import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { MigrationError } from '../../src/errors.js'
import { mapSizeFor } from '../../src/page/file-records.js'
import { readDbRecord, readU48 } from '../../src/page/format.js'
import type { StreamState } from '../../src/page/page-chunk.js'
import { walkSlab } from '../../src/page/page-walker.js'
import { SlabFileBuilder } from '../../src/page/slab-file-builder.js'
import { Slab } from '../../src/slab/slab.js'
import { tempDir } from '../support/fixture.js'
import { buildSlab, chunksOf, numbered, partOf, type Row, readRows, rowText } from './built-slab.js'

const dir = tempDir()
const PLACE_SCRIPT = fileURLToPath(new URL('place-chunks.js', import.meta.url))

test('SlabFileBuilder.create() makes a file that only its owner reads, of the length of its pages', () => {
  const path = join(dir, 'modes')
  buildSlab(path, { rows: { dupSort: false, rows: numbered(0, 1000) } })
  assert.equal(statSync(path).mode & 0o777, 0o700)
  const { mode, size } = statSync(join(path, 'data.mdb'))
  assert.equal(mode & 0o777, 0o600)
  assert.equal(size, (walkSlab(path).lastPage + 1) * 4096)
})

test('SlabFileBuilder.finish() names the finished roots in both meta pages', () => {
  const path = join(dir, 'metas')
  buildSlab(path, { rows: { dupSort: false, rows: numbered(0, 1000) } })
  const file = readFileSync(join(path, 'data.mdb'))
  const view = new DataView(file.buffer, file.byteOffset)
  const trees = (at: number) => [readDbRecord(view, at + 40), readDbRecord(view, at + 88), readU48(file, at + 136)]
  assert.deepEqual(trees(0), trees(4096))
  assert.deepEqual([readU48(file, 144), readU48(file, 4096 + 144)], [2, 1])
})

test('SlabFileBuilder joins streams whose chunks come interleaved', () => {
  const path = join(dir, 'interleaved')
  const file = SlabFileBuilder.create(path)
  const streams = [0, 1, 2].map((stream) => ({ stream, ...chunksOf(numbered(stream * 1000, 1000)) }))
  const queues = streams.map(({ stream, chunks }) => chunks.map((chunk) => ({ stream, chunk })))
  for (let i = 0; queues.some((queue) => i < queue.length); i++) {
    for (const { stream, chunk } of queues.flatMap((queue) => queue.slice(i, i + 1))) file.place(stream, chunk)
  }
  file.finishDb('rows', false, streams)
  file.finish()
  isSound(path, { rows: numbered(0, 3000) })
})

test('SlabFileBuilder.place() adds the key base to every row, beyond 32 bits and in a db with large values', () => {
  for (const base of [1, 250, 0xffff_fff0, 0x1_2345_6789_0000]) {
    const path = join(dir, `base-${base}`)
    const file = SlabFileBuilder.create(path)
    const rows = numbered(0, 600, (i) => (i % 100 === 7 ? 20_000 : 30))
    const { chunks, summary } = chunksOf(rows)
    for (const chunk of chunks) file.place(5, chunk, base)
    file.finishDb('rows', false, [{ stream: 5, summary }])
    file.finish()
    isSound(path, { rows: numbered(base, 600, (i) => (i % 100 === 7 ? 20_000 : 30)) })
  }
})

test('SlabFileBuilder.drop() gives pages to later chunks, and what is left to the free list that LMDB uses', async () => {
  const path = join(dir, 'dropped')
  const file = SlabFileBuilder.create(path)
  for (const chunk of chunksOf(numbered(0, 40_000)).chunks) file.place(0, chunk)
  const kept = chunksOf(numbered(0, 500))
  file.drop(0)
  assert.equal(file.place(1, kept.chunks[0]).first, 2)
  for (const chunk of kept.chunks.slice(1)) file.place(1, chunk)
  file.finishDb('rows', false, [{ stream: 1, summary: kept.summary }])
  file.finish()
  const walk = walkSlab(path)
  assert.deepEqual(walk.complaints, [])
  assert.ok(walk.freePages > 510, 'the free list is too large for a leaf page')

  const slab = await Slab.open(path)
  const rows = slab.db('rows')
  slab.write(() => {
    for (const { key, value } of numbered(500, 4000)) rows.put(key, value)
  })
  await slab.close()
  const after = walkSlab(path)
  assert.deepEqual(after.complaints, [])
  assert.ok(after.lastPage <= walk.lastPage + 2, 'new rows went to free pages')
  assert.deepEqual(readRows(path, 'rows'), numbered(0, 4500).map(rowText))
})

test('SlabFileBuilder.putMain() keeps plain rows beside 120 db records', () => {
  const path = join(dir, 'main')
  const file = SlabFileBuilder.create(path)
  for (let i = 0; i < 120; i++) file.finishDb(`db-${i}`, i % 2 === 0, [])
  file.putMain(Buffer.from('layer:model:version'), Uint8Array.of(0x93, 0, 1, 3))
  file.finish()
  const walk = walkSlab(path)
  assert.deepEqual(walk.complaints, [])
  assert.deepEqual([walk.dbs.size, walk.mainRows], [120, 1])
})

test('SlabFileBuilder refuses what would lose rows', () => {
  const path = join(dir, 'refused')
  const file = SlabFileBuilder.create(path)
  const [a, b] = [chunksOf(numbered(0, 900)), chunksOf(numbered(900, 900))]
  const parts = [
    { stream: 0, summary: a.summary },
    { stream: 1, summary: b.summary },
  ]
  const refuses = (act: () => unknown, message: RegExp) =>
    assert.throws(act, (err) => err instanceof MigrationError && message.test(err.message))
  refuses(() => file.place(0, a.chunks[1]), /Chunk of page 2 does not continue stream 0 of 0 pages/)
  for (const chunk of a.chunks) file.place(0, chunk)
  file.place(1, b.chunks[0])
  refuses(() => file.finishDb('rows', false, parts), /Stream 1 of "rows" has 2 placed pages, expected \d+/)
  for (const chunk of b.chunks.slice(1)) file.place(1, chunk)
  refuses(() => file.finishDb('rows', false, [...parts].reverse()), /Stream 0 of "rows" does not start above/)
  refuses(() => file.finish(), /Streams 0, 1 belong to no database/)
  file.finishDb('rows', false, parts)
  refuses(() => file.finishDb('rows', false, []), /"rows" is finished twice/)
  file.close()
})

test('SlabFileBuilder.resume() refuses a file that is shorter than its state', () => {
  const path = join(dir, 'short')
  const file = SlabFileBuilder.create(path)
  for (const chunk of chunksOf(numbered(0, 900)).chunks) file.place(0, chunk)
  file.sync()
  const states = [file.stateOf(0)]
  file.close()
  truncateSync(join(path, 'data.mdb'), 3 * 4096)
  assert.throws(
    () => SlabFileBuilder.resume(path, states),
    (err) => err instanceof MigrationError && err.code === 'ERR_CHECKPOINT_MISMATCH',
  )
})

test('SlabFileBuilder.resume() takes streams without rows', () => {
  const path = join(dir, 'no-rows')
  const { chunks, summary } = chunksOf(numbered(0, 900))
  const first = SlabFileBuilder.create(path)
  for (const chunk of chunks) first.place(1, chunk)
  first.sync()
  const states = [first.stateOf(0), first.stateOf(1)]
  first.close()
  const file = SlabFileBuilder.resume(path, states)
  file.finishDb('rows', false, [
    { stream: 0, summary: chunksOf([]).summary },
    { stream: 1, summary },
  ])
  file.finish()
  isSound(path, { rows: numbered(0, 900) })
})

test('SlabFileBuilder.sync() vouches for nothing any more when a write has failed', async () => {
  const path = join(dir, 'failed')
  const file = SlabFileBuilder.create(path)
  const { chunks } = chunksOf(numbered(0, 900))
  file.place(0, chunks[0])
  file.sync()
  file.close()
  const isFailure = (err: unknown) => err instanceof MigrationError && err.code === 'ERR_DEST'
  assert.throws(() => {
    file.place(0, chunks[1])
    file.sync()
  }, isFailure)
  // Nothing is left to write now, so only its memory of the failure can tell.
  assert.throws(() => file.sync(), isFailure)
  await assert.rejects(file.syncBehind(), isFailure)
})

test('SlabFileBuilder.resume() goes on after SIGKILL: every page is reachable or free', async () => {
  for (const killAfter of [1, 7, 20, 24]) {
    const path = join(dir, `killed-${killAfter}`)
    const child = spawn(process.execPath, [PLACE_SCRIPT, path], { stdio: ['ignore', 'pipe', 'inherit'] })
    let lines: string[] = []
    for await (const data of child.stdout.setEncoding('utf8')) {
      lines = (lines.join('\n') + data).split('\n')
      if (lines.length > killAfter) break
    }
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    const states = JSON.parse(lines[killAfter - 1]) as StreamState[]

    const file = SlabFileBuilder.resume(path, states)
    // Streams 0 and 2 have their checkpoint if they are complete; all others start again.
    const parts = [0, 1, 2].map((stream) => {
      const { chunks, summary } = partOf(stream)
      const placed = states.find((known) => known.stream === stream)?.extents ?? []
      const isComplete = placed.reduce((sum, { count }) => sum + count, 0) === summary.pageCount
      if (isComplete) return { stream, summary }
      file.drop(stream)
      for (const chunk of chunks) file.place(10 + stream, chunk)
      return { stream: 10 + stream, summary }
    })
    file.finishDb('rows', false, parts)
    file.finish()
    isSound(path, { rows: numbered(0, 3000) })
  }
})

test('SlabFileBuilder names the slab and the reason when the disk takes no more', () => {
  const path = join(dir, 'full')
  const limited = `trap '' XFSZ; ulimit -f 40; exec "$@"`
  const { status, stderr } = spawnSync('bash', ['-c', limited, 'bash', process.execPath, PLACE_SCRIPT, path], {
    encoding: 'utf8',
  })
  assert.notEqual(status, 0)
  assert.match(stderr, /Cannot write slab ".*full": EFBIG/)
  assert.match(stderr, /ERR_DEST/)
})

test('mapSizeFor() doubles from 1 GiB on, and leaves a tenth free', () => {
  const gib = 2 ** 30
  assert.deepEqual(
    [0, 0.8, 0.95, 1.7, 1.9, 60, 91, 250].map((size) => mapSizeFor(size * gib) / gib),
    [1, 1, 2, 2, 4, 128, 200, 300],
  )
})

function isSound(path: string, dbs: Record<string, readonly Row[]>): void {
  assert.deepEqual(walkSlab(path).complaints, [])
  for (const [name, rows] of Object.entries(dbs)) assert.deepEqual(readRows(path, name), rows.map(rowText))
}

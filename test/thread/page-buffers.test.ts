import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { SlabBuild } from '../../src/dest/slab-build.js'
import { LeafBuilder } from '../../src/page/leaf-builder.js'
import type { LeafSummary, PageChunk } from '../../src/page/page-chunk.js'
import { ChunkSender, makeCredits } from '../../src/thread/chunk-sender.js'
import { takeBuffersBack } from '../../src/thread/page-buffers.js'
import { streamPorts } from '../../src/thread/task-pool.js'
import { tempDir } from '../support/fixture.js'

const MIB = 1 << 20

test('a buffer comes back once its pages are written, not while they wait, and has nothing of them left', async () => {
  const build = new SlabBuild(join(tempDir(), 'nodeedits.lmdb'), null)
  const fresh = pagesOf(20_000, 90)
  assert.ok(fresh[0].bytes.buffer.byteLength < MIB, 'most streams are small, so the first buffer is')

  const sendFirst = stream(build, 0, null)
  const second = stream(build, 1, 0)()
  await turns()
  takeBuffersBack()
  assert.ok(pagesOf(1000, 90)[0].bytes.buffer.byteLength < MIB, 'the pages wait for those of the stream before')

  assert.deepEqual([(await sendFirst()).entries, (await second).entries], [20_000, 20_000])
  await turns()
  takeBuffersBack()
  const again = pagesOf(20_000, 90)
  assert.equal(again[0].bytes.buffer.byteLength, MIB)
  assert.deepEqual(allOf(again), allOf(fresh))
  build.close()
})

/** Rows that fill pages in another way than those of `pagesOf()`, so that what is left of them would show. */
function stream(build: SlabBuild, id: number, previous: number | null) {
  const { task, writer } = streamPorts()
  const credits = makeCredits(1 << 30)
  const placed = build.receive(id, writer, credits, previous)
  return () => {
    const sender = new ChunkSender(task, id, credits)
    const summary = fill(20_000, 200, (chunk) => sender.send(chunk))
    sender.end(summary, [])
    return placed
  }
}

function pagesOf(rows: number, valueBytes: number): PageChunk[] {
  const chunks: PageChunk[] = []
  fill(rows, valueBytes, (chunk) => chunks.push(chunk))
  return chunks
}

function fill(rows: number, valueBytes: number, emit: (chunk: PageChunk) => void): LeafSummary {
  const builder = new LeafBuilder({ dupSort: false, emit })
  const key = Buffer.alloc(8)
  const value = Buffer.alloc(50 * valueBytes, 0xee)
  for (let row = 0; row < rows; row++) {
    key.writeUInt32BE(row, 4)
    // Some go on pages of their own.
    builder.add(key, 0, 8, value, 0, row % 100 === 99 ? value.length : valueBytes)
  }
  return builder.finish()
}

function allOf(chunks: readonly PageChunk[]): Buffer {
  return Buffer.concat(chunks.map(({ bytes }) => bytes))
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await setImmediate()
}

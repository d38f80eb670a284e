// Rows per second of page building, on rows shaped like those of a real layer: `node dist/bench/page.bench.js`
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LeafBuilder } from '../src/page/leaf-builder.js'
import type { LeafSummary, PageChunk } from '../src/page/page-chunk.js'
import { walkSlab } from '../src/page/page-walker.js'
import { SlabFileBuilder } from '../src/page/slab-file-builder.js'
import { type Case, generator, report } from './report.js'

const ROWS = 200_000

/** Rows end to end, as a merge hands them on: `ends` holds the end of each key and of each value. */
interface PackedRows {
  readonly dupSort: boolean
  readonly bytes: Uint8Array
  readonly ends: Uint32Array
}

const shapes: Record<string, PackedRows> = {
  'bybuid (34-43 -> 30-70 bytes)': buidRows(),
  'byprop, one value each (28 -> 32)': dupRows(1),
  'byprop, 20 values each (28 -> 32)': dupRows(20),
  'byprop, 50,000 values each (28 -> 32)': dupRows(50_000),
  'log (8 -> 150-350)': logRows(),
}

const cases: Case[] = []
const add = (name: string, run: () => void) => cases.push({ name, items: ROWS, run })
for (const [name, rows] of Object.entries(shapes)) {
  add(`LeafBuilder ${name}`, () => {
    build(rows, () => {})
  })
}

const turns = takingTurns(shapes['byprop, one value each (28 -> 32)'], 8)
add('LeafBuilder byprop, one value each, out of 8 buffers in turn', () => {
  const builder = new LeafBuilder({ dupSort: true, emit: () => {} })
  for (let i = 0; i < ROWS; i++) {
    const { bytes, ends } = turns[i % turns.length]
    const row = 2 * Math.floor(i / turns.length)
    builder.add(bytes, row === 0 ? 0 : ends[row - 1], ends[row], bytes, ends[row], ends[row + 1])
  }
  builder.finish()
})

const dir = mkdtempSync(join(tmpdir(), 'page-bench-'))
const ready = shapes['bybuid (34-43 -> 30-70 bytes)']
const chunks: PageChunk[] = []
build(ready, (chunk) => chunks.push(chunk))
let files = 0
add('SlabFileBuilder.place, bybuid pages ready-made', () => {
  const path = join(dir, String(files++))
  const file = SlabFileBuilder.create(path)
  // Fixups are patched in place: a copy would cost more than placing.
  for (const chunk of chunks) file.place(0, { ...chunk, fixups: chunk.fixups.subarray(0, 0) })
  file.close()
  rmSync(path, { recursive: true })
})

const walked = join(dir, 'walked')
const slab = SlabFileBuilder.create(walked)
slab.finishDb('rows', false, [{ stream: 0, summary: build(ready, (chunk) => slab.place(0, chunk)) }])
slab.finish()
add('walkSlab, bybuid', () => {
  if (walkSlab(walked).complaintCount > 0) throw new Error('the slab is not sound')
})

await report(`pages, ${ROWS} rows`, 'row', cases)
rmSync(dir, { recursive: true })

function build({ dupSort, bytes, ends }: PackedRows, emit: (chunk: PageChunk) => void): LeafSummary {
  const builder = new LeafBuilder({ dupSort, emit })
  for (let i = 0, start = 0; i < ends.length; i += 2) {
    builder.add(bytes, start, ends[i], bytes, ends[i], ends[i + 1])
    start = ends[i + 1]
  }
  return builder.finish()
}

/** Seven rows for each of many buids. */
function buidRows(): PackedRows {
  const random = generator()
  const buids = sortedKeys(ROWS / 7 + 1, 32, random)
  return pack(false, (i) => {
    const name = Buffer.from(`${String.fromCharCode(0x61 + (i % 7))}${'propname'.slice(0, 1 + ((i % 7) * 9) / 7)}`)
    return [Buffer.concat([buids[Math.floor(i / 7)], name]), filled(30 + random(40), random)]
  })
}

function dupRows(each: number): PackedRows {
  const random = generator()
  const keys = sortedKeys(Math.ceil(ROWS / each), 20, random)
  const prefix = Buffer.from([0, 0, 0, 0, 0, 0, 0, 77])
  const values = sortedKeys(each, 32, random)
  return pack(true, (i) => [Buffer.concat([prefix, keys[Math.floor(i / each)]]), values[i % each]])
}

function logRows(): PackedRows {
  const random = generator()
  return pack(false, (i) => {
    const key = Buffer.alloc(8)
    key.writeUInt32BE(i, 4)
    return [key, filled(150 + random(200), random)]
  })
}

function pack(dupSort: boolean, row: (index: number) => [Uint8Array, Uint8Array]): PackedRows {
  const parts: Uint8Array[] = []
  const ends = new Uint32Array(2 * ROWS)
  for (let i = 0, end = 0; i < ROWS; i++) {
    const [key, value] = row(i)
    parts.push(key, value)
    ends[2 * i] = end += key.length
    ends[2 * i + 1] = end += value.length
  }
  return { dupSort, bytes: Buffer.concat(parts), ends }
}

/** The rows as a merge of that many runs has them: neighbours lie in different buffers. */
function takingTurns({ dupSort, bytes, ends }: PackedRows, buffers: number): PackedRows[] {
  return Array.from({ length: buffers }, (_, buffer) => {
    const parts: Uint8Array[] = []
    const partEnds: number[] = []
    for (let i = 2 * buffer, end = 0; i < ends.length; i += 2 * buffers) {
      const start = i === 0 ? 0 : ends[i - 1]
      parts.push(bytes.subarray(start, ends[i + 1]))
      partEnds.push(end + ends[i] - start, end + ends[i + 1] - start)
      end += ends[i + 1] - start
    }
    return { dupSort, bytes: Buffer.concat(parts), ends: Uint32Array.from(partEnds) }
  })
}

function sortedKeys(count: number, size: number, random: (limit: number) => number): Uint8Array[] {
  return Array.from({ length: count }, () => filled(size, random)).sort(Buffer.compare)
}

function filled(size: number, random: (limit: number) => number): Uint8Array {
  return Uint8Array.from({ length: size }, () => random(256))
}

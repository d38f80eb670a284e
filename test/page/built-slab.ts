import { LeafBuilder } from '../../src/page/leaf-builder.js'
import type { LeafSummary, PageChunk } from '../../src/page/page-chunk.js'
import { SlabReader } from '../../src/page/page-reader.js'
import { SlabFileBuilder } from '../../src/page/slab-file-builder.js'

export interface Row {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

export interface BuildOptions {
  readonly fill?: number
  readonly chunkBytes?: number
  /** How many builders share the keys of the db. */
  readonly parts?: number
  /** Rows of a stream that is placed first and given up, as a repeated task's: its pages are reused, or free in the end. */
  readonly droppedRows?: number
}

export interface DbRows {
  readonly dupSort: boolean
  readonly rows: readonly Row[]
}

/** Rows in LMDB's order: by key, then by value. */
export function sorted(rows: readonly Row[]): Row[] {
  return [...rows].sort((a, b) => Buffer.compare(a.key, b.key) || Buffer.compare(a.value, b.value))
}

/** Rows as a db holds them: of a plain db the last one of each key, of a dupsort db each pair once. */
export function asStored({ dupSort, rows }: DbRows): Row[] {
  const byId = new Map<string, Row>()
  for (const row of rows) {
    const key = Buffer.from(row.key).toString('hex')
    byId.set(dupSort ? `${key} ${Buffer.from(row.value).toString('hex')}` : key, row)
  }
  return sorted([...byId.values()])
}

export function buildStream(
  rows: readonly Row[],
  dupSort: boolean,
  emit: (chunk: PageChunk) => void,
  options: BuildOptions = {},
): LeafSummary {
  const builder = new LeafBuilder({ dupSort, emit, ...options })
  for (const { key, value } of rows) builder.add(key, 0, key.length, value, 0, value.length)
  return builder.finish()
}

/** Builds a slab of these dbs, whose rows must be sorted; a key never spans two parts. */
export function buildSlab(dir: string, dbs: Readonly<Record<string, DbRows>>, options: BuildOptions = {}): void {
  const file = SlabFileBuilder.create(dir, { mapSize: 1 << 28 })
  let stream = 1
  for (const chunk of chunksOf(numbered(0, options.droppedRows ?? 0)).chunks) file.place(0, chunk)
  file.drop(0)
  for (const [name, { dupSort, rows }] of Object.entries(dbs)) {
    const parts = splitRows(rows, options.parts ?? 1).map((part) => {
      const id = stream++
      return { stream: id, summary: buildStream(part, dupSort, (chunk) => file.place(id, chunk), options) }
    })
    file.finishDb(name, dupSort, parts)
  }
  file.finish()
}

/** All rows of a db, read by our own reader, as `key value` in hex. */
export function readRows(path: string, name: string): string[] {
  const slab = SlabReader.open(path)
  try {
    return [...(slab.db(name)?.rows() ?? [])].map(rowText)
  } finally {
    slab.close()
  }
}

export function rowText({ key, value }: Row): string {
  return `${Buffer.from(key).toString('hex')} ${Buffer.from(value).toString('hex')}`
}

/** Rows of 8-byte keys, as logs have. */
export function numbered(start: number, count: number, size: (index: number) => number = () => 40): Row[] {
  return Array.from({ length: count }, (_, i) => {
    const key = Buffer.alloc(8)
    key.writeBigUInt64BE(BigInt(start + i))
    return { key, value: new Uint8Array(size(i)).fill(i % 250) }
  })
}

/** A stream of small chunks, and its summary. */
export function chunksOf(rows: readonly Row[]) {
  const chunks: PageChunk[] = []
  return { summary: buildStream(rows, false, (chunk) => chunks.push(chunk), { chunkBytes: 8192 }), chunks }
}

/** One of three streams whose keys follow each other. */
export function partOf(stream: number) {
  return chunksOf(numbered(stream * 1000, 1000))
}

function splitRows(rows: readonly Row[], parts: number): Row[][] {
  const cuts: Row[][] = [[]]
  for (const [i, row] of rows.entries()) {
    const last = cuts[cuts.length - 1]
    const isFull = last.length >= rows.length / parts
    if (isFull && Buffer.compare(rows[i - 1].key, row.key) !== 0) cuts.push([row])
    else last.push(row)
  }
  return cuts
}

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { BUID_BYTES } from '../src/bytes/buid.js'
import { decode, type Value } from '../src/bytes/msgpack.js'
import { SlabReader } from '../src/page/page-reader.js'
import { RowCursor } from '../src/page/row-cursor.js'
import { Flag } from '../src/translate/node-rows.js'

/** What a migration has left, summed over layers. */
export interface DestFacts {
  readonly layers: number
  readonly nodes: number
  /** Rows of all databases of all layers, duplicates counted one by one. */
  readonly rows: number
  /** Rows of the node edit log, and the single changes in them: the reference cuts them into rows at its batches. */
  readonly nodeEdits: number
  readonly changes: number
  /** Pages of all `layer_v2.lmdb`, those on the free list apart. */
  readonly layerPages: number
  readonly freePages: number
}

export function readDest(dir: string): DestFacts {
  const facts = { layers: 0, nodes: 0, rows: 0, nodeEdits: 0, changes: 0, layerPages: 0, freePages: 0 }
  for (const layer of readdirSync(join(dir, 'layers'))) {
    facts.layers++
    const layerDir = join(dir, 'layers', layer)
    withSlab(join(layerDir, 'layer_v2.lmdb'), (slab) => {
      const free = freePages(slab)
      facts.freePages += free
      facts.layerPages += slab.lastPage + 1 - free
      facts.nodes += countNodes(slab)
      facts.rows += countRows(slab)
    })
    withSlab(join(layerDir, 'nodeedits.lmdb'), (slab) => {
      const { rows, changes } = countChanges(slab)
      facts.nodeEdits += rows
      facts.changes += changes
      facts.rows += countRows(slab)
    })
    withSlab(join(layerDir, 'nodedata.lmdb'), (slab) => {
      facts.rows += countRows(slab)
    })
  }
  return facts
}

function withSlab(path: string, read: (slab: SlabReader) => void): void {
  if (!SlabReader.exists(path)) return
  const slab = SlabReader.open(path)
  try {
    read(slab)
  } finally {
    slab.close()
  }
}

function countRows(slab: SlabReader): number {
  return slab.dbNames().reduce((sum, name) => sum + (slab.db(name)?.entries ?? 0), 0)
}

/** Nodes of a layer are its ndef rows. */
function countNodes(slab: SlabReader): number {
  const cursor = slab.db('bybuid')?.cursor()
  let count = 0
  for (let more = cursor?.seek(null); cursor !== undefined && more; more = cursor.next()) {
    const { buf, keyStart, keyEnd } = cursor
    if (keyEnd - keyStart === BUID_BYTES + 1 && buf[keyStart + BUID_BYTES] === Flag.ndef) count++
  }
  return count
}

/** A row is `[[[buid, form, changes], ...], meta]`. */
function countChanges(slab: SlabReader): { rows: number; changes: number } {
  const cursor = slab.db('nodeedits')?.cursor()
  let rows = 0
  let changes = 0
  for (let more = cursor?.seek(null); cursor !== undefined && more; more = cursor.next()) {
    rows++
    const [edits] = decode(cursor.value()) as [[buid: Uint8Array, form: string, changes: Value[]][], Value]
    for (const [, , list] of edits) changes += list.length
  }
  return { rows, changes }
}

/** Each row of the free list begins with the number of its pages. */
function freePages(slab: SlabReader): number {
  const cursor = new RowCursor(slab, slab.freeDb)
  let pages = 0
  for (let more = cursor.seek(null); more; more = cursor.next()) {
    pages += Number(Buffer.from(cursor.value()).readBigUInt64LE(0))
  }
  return pages
}

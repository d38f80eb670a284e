import assert from 'node:assert/strict'
import { cpSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { SlabReader } from '../../src/page/page-reader.js'
import { slabPrint } from '../../src/page/slab-print.js'
import { alterByte } from '../support/alter-value.js'
import { tempDir } from '../support/fixture.js'
import { randomOf } from '../support/random.js'
import { buildSlab, numbered } from './built-slab.js'

const PAGE_BYTES = 4096
const dir = tempDir()

/** A slab of two databases, in all so many rows of 2,000 bytes. */
function made(name: string, rows: number): string {
  const path = join(dir, name)
  const all = numbered(0, rows, () => 2000)
  buildSlab(path, {
    bybuid: { dupSort: false, rows: all.slice(10) },
    offsets: { dupSort: false, rows: all.slice(0, 10) },
  })
  return path
}

function copyOf(path: string, name: string): string {
  const copy = join(dir, name)
  cpSync(path, copy, { recursive: true })
  return copy
}

test('slabPrint() of a small slab tells each changed byte of any of its pages, and is that of each copy', () => {
  const path = made('small', 300)
  const print = slabPrint(path)
  assert.deepEqual(slabPrint(copyOf(path, 'small-copy')), print)
  assert.deepEqual([print.txnId, print.rows, print.pages * PAGE_BYTES], [2, 300, statSync(join(path, 'data.mdb')).size])
  const random = randomOf(3)
  const copy = copyOf(path, 'small-changed')
  for (let page = 2; page < print.pages; page++) {
    const at = page * PAGE_BYTES + random(PAGE_BYTES)
    alterByte(join(copy, 'data.mdb'), at)
    const changed = slabPrintAnyhow(copy)
    assert.notEqual(changed, print.digest, `byte ${at}`)
    alterByte(join(copy, 'data.mdb'), at)
  }
  assert.equal(slabPrint(copy).digest, print.digest)
})

test('slabPrint() of a large slab tells another root page, first page, last page or size, and reads the same places of a copy', () => {
  const path = made('large', 20_000)
  const file = join(path, 'data.mdb')
  assert.ok(statSync(file).size > 36 << 20)
  const print = slabPrint(path)
  const copy = copyOf(path, 'large-copy')
  assert.deepEqual(slabPrint(copy), print)
  const slab = SlabReader.open(path)
  const root = slab.db('bybuid')?.record.root ?? 0
  slab.close()
  for (const page of [2, root, print.pages - 1]) {
    const at = page * PAGE_BYTES + PAGE_BYTES - 1
    alterByte(join(copy, 'data.mdb'), at)
    assert.notEqual(slabPrintAnyhow(copy), print.digest, `page ${page}`)
    alterByte(join(copy, 'data.mdb'), at)
  }
  assert.notEqual(slabPrint(made('larger', 20_001)).digest, print.digest)
})

test('slabPrint() names a slab of which the record of a database leads out of the file', () => {
  const copy = copyOf(made('record', 100), 'record-copy')
  const slab = SlabReader.open(copy)
  const { entries, root } = slab.db('bybuid')?.record ?? { entries: 0, root: 0 }
  slab.close()
  const stored = Buffer.alloc(16)
  stored.writeBigUInt64LE(BigInt(entries), 0)
  stored.writeBigUInt64LE(BigInt(root), 8)
  const data = join(copy, 'data.mdb')
  const at = readFileSync(data).indexOf(stored)
  assert.ok(at > 0)
  for (const byte of [15, 12, 10]) {
    alterByte(data, at + byte)
    assert.throws(() => slabPrint(copy), { code: 'ERR_SLAB_CORRUPT' })
    alterByte(data, at + byte)
  }
})

/** The digest; a slab that can no longer be opened counts as another one. */
function slabPrintAnyhow(path: string): string {
  try {
    return slabPrint(path).digest
  } catch {
    return 'none'
  }
}

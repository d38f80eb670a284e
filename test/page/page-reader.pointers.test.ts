import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MigrationError } from '../../src/errors.js'
import { Meta, NodeFlag, PageFlag, readU16, readU32, readU48, writeU48 } from '../../src/page/format.js'
import { SlabReader } from '../../src/page/page-reader.js'
import { walkSlab } from '../../src/page/page-walker.js'
import { tempDir } from '../support/fixture.js'
import { buildSlab, numbered, type Row } from './built-slab.js'

const PAGE_BYTES = 4096
const DB_RECORD_ROOT = 40

/** A place in the file that names a page, and how it is written there. */
interface Pointer {
  readonly at: number
  readonly what: string
  write(pgno: number): Uint8Array
}

const path = smallSlab()
const whole = readFileSync(path)
const lastPage = whole.length / PAGE_BYTES - 1

/** Branches over branches, overflow pages, sub-pages and trees of duplicates, in as few pages as that takes. */
function smallSlab(): string {
  const dir = join(tempDir(), 'pointers')
  const key = (i: number, bytes: number) => Buffer.from(String(i).padStart(bytes, '0'))
  const rows = (count: number, row: (i: number) => [Uint8Array, Uint8Array]): Row[] =>
    Array.from({ length: count }, (_, i) => row(i)).map(([key, value]) => ({ key, value }))
  buildSlab(dir, {
    deep: { dupSort: false, rows: rows(24, (i) => [key(i, 480), key(i, 900)]) },
    large: { dupSort: false, rows: rows(3, (i) => [key(i, 8), Buffer.alloc(3000 + 3000 * i, i)]) },
    dups: { dupSort: true, rows: rows(64, (i) => [key(i < 60 ? Math.floor(i / 30) : i, 8), key(i, 200)]) },
    plain: { dupSort: false, rows: numbered(0, 40) },
  })
  return join(dir, 'data.mdb')
}

function pointers(): Pointer[] {
  const all: Pointer[] = []
  const u64 = (at: number, what: string) => {
    const write = (pgno: number) => {
      const bytes = Buffer.alloc(8)
      bytes.writeBigUInt64LE(BigInt(pgno))
      return bytes
    }
    all.push({ at, what, write })
  }
  // The other meta page is the older one.
  u64(Meta.mainDb + DB_RECORD_ROOT, 'root of meta page 0')
  for (let page = 2; page <= lastPage; page++) {
    const start = page * PAGE_BYTES
    const flags = readU16(whole, start + 10)
    if (readU48(whole, start) !== page || (flags & (PageFlag.branch | PageFlag.leaf)) === 0) continue
    const count = (readU16(whole, start + 12) - 16) / 2
    for (let i = 0; i < count; i++) {
      const node = start + readU16(whole, start + 16 + 2 * i)
      const data = node + 8 + readU16(whole, node + 6)
      const nodeFlags = readU16(whole, node + 4)
      const what = `node ${i} of page ${page}`
      if ((flags & PageFlag.branch) !== 0) {
        const write = (pgno: number) => {
          const bytes = Buffer.from(whole.subarray(node, node + 6))
          writeU48(new DataView(bytes.buffer, bytes.byteOffset, 6), 0, pgno)
          return bytes
        }
        all.push({ at: node, what: `child at ${what}`, write })
      } else if ((nodeFlags & NodeFlag.big) !== 0) u64(data, `overflow page of ${what}`)
      else if ((nodeFlags & NodeFlag.subData) !== 0) u64(data + DB_RECORD_ROOT, `root of ${what}`)
    }
  }
  return all
}

/** Reads everything by every way there is; says what was found wrong, and how many pages it took. */
function scan(): { found: string | null; pages: number } {
  let slab: SlabReader | null = null
  let pages = 0
  const { readPages } = SlabReader.prototype
  SlabReader.prototype.readPages = function (pgno, count, into) {
    pages += count
    return readPages.call(this, pgno, count, into)
  }
  let found: string | null = null
  try {
    slab = SlabReader.open(path)
    for (const name of slab.dbNames()) {
      const db = slab.db(name)
      if (db === undefined) continue
      let rows = 0
      for (const _ of db.rows()) rows++
      if (rows !== db.entries) found = `${rows} rows of ${db.entries}`
      const cursor = db.scanner()
      for (let more = cursor.seek(null); more; more = cursor.next()) rows--
      assert.equal(rows, 0)
      db.separators(1e6)
      db.last()
      db.get(Buffer.from('5'))
      db.has(Buffer.from('00000000'), Buffer.from('7'))
    }
  } catch (err) {
    if (!(err instanceof MigrationError) || err.code !== 'ERR_SLAB_CORRUPT') throw err
    found = err.message
  } finally {
    SlabReader.prototype.readPages = readPages
    slab?.close()
  }
  return { found, pages }
}

/** How much is wrong to who looks at every page. */
function walked(): number {
  try {
    return walkSlab(path).complaintCount
  } catch (err) {
    assert.ok(err instanceof MigrationError, err instanceof Error ? err.stack : String(err))
    return 1
  }
}

test('SlabReader reads few pages and errs by name, whatever page each page number is replaced by', () => {
  const calm = scan()
  assert.equal(calm.found, null)
  const all = pointers()
  const kinds = new Set(all.map(({ what }) => what.replace(/\d+/g, '')))
  assert.equal(kinds.size, 4, [...kinds].join())
  const others = [...Array(lastPage + 2).keys(), 2 ** 31, 2 ** 32 - 1, 2 ** 47]
  const unnoticed: string[] = []
  const fd = openSync(path, 'r+')
  for (const { at, what, write } of all) {
    const before = whole.subarray(at, at + write(0).length)
    for (const other of others) {
      const bytes = write(other)
      if (Buffer.compare(bytes, before) === 0) continue
      writeSync(fd, bytes, 0, bytes.length, at)
      const { found, pages } = scan()
      assert.ok(pages <= 2 * calm.pages, `${what}, replaced by ${other}: ${pages} pages, undamaged ${calm.pages}`)
      assert.ok(walked() > 0, `${what}, replaced by ${other}: page by page nothing is wrong`)
      if (found === null) unnoticed.push(`${what}, replaced by ${other}`)
    }
    writeSync(fd, before, 0, before.length, at)
  }
  closeSync(fd)
  // Runs of pages that are as long, and trees of duplicates that have as many rows, can stand for each other: nothing tells.
  const inDups = unnoticed.filter((what) => !what.startsWith('overflow page'))
  assert.ok(unnoticed.length < 10 && !inDups.some((what) => what.includes('meta')), unnoticed.join('\n'))
})

test('SlabReader ends soon when all page numbers of a level lead to one page', () => {
  const fd = openSync(path, 'r+')
  const branches = pointers().filter(({ what }) => what.startsWith('child'))
  for (const other of [readU32(whole, branches[0].at) & 0xffff, readU48(whole, branches[1].at)]) {
    for (const { at, write } of branches) writeSync(fd, write(other), 0, 6, at)
    const { found, pages } = scan()
    assert.match(found ?? '', /Cannot read slab/)
    assert.ok(pages < 1000, `${pages} pages`)
  }
  for (const { at } of branches) writeSync(fd, whole.subarray(at, at + 6), 0, 6, at)
  closeSync(fd)
})

test('DbReader.dataPages is never more than the slab has, so that no plan is without end', () => {
  const slab = SlabReader.open(path)
  const record = slab.db('plain')?.record
  assert.ok(record !== undefined)
  const honest = slab.db('plain')?.dataPages
  Object.assign(record, { overflowPages: 2 ** 48 })
  assert.deepEqual([honest, slab.db('plain')?.dataPages], [record.leafPages, slab.lastPage])
  slab.close()
})

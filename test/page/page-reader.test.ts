import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { byteListOf } from '../../src/bytes/byte-list.js'
import { type DbReader, SlabReader } from '../../src/page/page-reader.js'
import { RowCursor } from '../../src/page/row-cursor.js'
import { unpack } from '../support/cortex.js'
import { tempDir } from '../support/fixture.js'
import { slabDigests } from '../support/row-digest.js'
import { buildSlab, numbered, type Row, rowText, sorted } from './built-slab.js'

const lmdbRows = join(import.meta.dirname, '..', 'support', 'lmdb-rows.js')
const cortex = unpack('demo-cortex.tar.gz', join(tempDir(), 'cortex'))
const slabs = readdirSync(cortex, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.lmdb'))

/** What lmdb-js reads of these slabs, in another process. */
function byLmdb(all: { path: string; digests: ReturnType<typeof slabDigests> }[]): object[] {
  const words = all.map(({ path, digests }) => {
    return JSON.stringify({ path, dbs: Object.entries(digests).map(([name, { dupSort }]) => [name, dupSort]) })
  })
  const { status, stdout, stderr } = spawnSync(process.execPath, [lmdbRows, ...words], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout)
}

function withoutKind(digests: ReturnType<typeof slabDigests>): object {
  return Object.fromEntries(Object.entries(digests).map(([name, { count, digest }]) => [name, { count, digest }]))
}

test('SlabReader reads every database of a real 0.1.58 Cortex as LMDB does', () => {
  assert.ok(slabs.length >= 8, slabs.join(' '))
  const all = slabs.map((path) => ({ path: join(cortex, path), digests: slabDigests(join(cortex, path)) }))
  let rows = 0
  let dupSorted = 0
  for (const { path, digests } of all) {
    const slab = SlabReader.open(path)
    for (const [name, { count, dupSort }] of Object.entries(digests)) {
      assert.equal(count, slab.db(name)?.entries, `${path} ${name}`)
      rows += count
      if (dupSort && count > 0) dupSorted++
    }
    slab.close()
  }
  assert.ok(rows > 5000 && dupSorted >= 3, `${rows} rows, ${dupSorted} dupsort databases`)
  assert.deepEqual(
    byLmdb(all),
    all.map(({ digests }) => withoutKind(digests)),
  )
})

/** Two keys with a few values (a sub-page), one with thousands (a tree of its own), others with one. */
function duplicates(): Row[] {
  const value = (n: number) => Buffer.from(String(n).padStart(40, '0'))
  const rows: Row[] = [{ key: Buffer.from('single'), value: value(1) }]
  for (let i = 0; i < 20; i++) rows.push({ key: Buffer.from('few'), value: value(i) })
  for (let i = 0; i < 5000; i++) rows.push({ key: Buffer.from('many'), value: value(i) })
  for (let i = 0; i < 300; i++) rows.push({ key: Buffer.from(`z${i}`), value: value(i) })
  return sorted(rows)
}

const large = numbered(0, 50, (i) => [10, 2000, 2023, 2024, 4080, 4081, 100_000][i % 7])
const dups = duplicates()
const plain = numbered(1000, 20_000)
const built = join(tempDir(), 'built')
buildSlab(built, {
  plain: { dupSort: false, rows: plain },
  large: { dupSort: false, rows: large },
  dups: { dupSort: true, rows: dups },
  empty: { dupSort: false, rows: [] },
})

test('SlabReader reads sub-pages, sub-trees and overflow values as LMDB does', () => {
  const ours = slabDigests(built)
  assert.deepEqual(
    Object.entries(ours).map(([name, { count }]) => [name, count]),
    [
      ['dups', dups.length],
      ['empty', 0],
      ['large', large.length],
      ['plain', plain.length],
    ],
  )
  assert.deepEqual(byLmdb([{ path: built, digests: ours }]), [withoutKind(ours)])
})

test('RowCursor.seek() goes to the first row at or above the key, in every leaf and between', () => {
  const slab = SlabReader.open(built)
  for (const [name, rows] of [
    ['plain', plain],
    ['dups', dups],
    ['large', large],
  ] as const) {
    const cursor = slab.db(name)?.cursor()
    assert.ok(cursor instanceof RowCursor)
    const step = Math.max(1, Math.floor(rows.length / 97))
    for (let i = 0; i < rows.length; i += step) {
      const { key } = rows[i]
      const first = rows.find((row) => Buffer.compare(row.key, key) >= 0) as Row
      for (const [wanted, from] of [
        [first, key],
        [first, Buffer.from(key).subarray(0, key.length)],
        [rows.find((row) => Buffer.compare(row.key, key) > 0), Buffer.concat([key, Buffer.of(0)])],
      ] as const) {
        const found = cursor.seek(from)
        assert.equal(found, wanted !== undefined)
        if (wanted !== undefined) assert.equal(rowText({ key: cursor.key(), value: cursor.value() }), rowText(wanted))
      }
    }
    assert.equal(cursor.seek(Buffer.alloc(40, 0xff)), false)
    assert.equal(cursor.next(), false)
    assert.ok(cursor.seek(new Uint8Array(0)))
    assert.equal(rowText({ key: cursor.key(), value: cursor.value() }), rowText(rows[0]))
  }
  slab.close()
})

test('RowCursor continues with next() from where seek() put it, to the last row', () => {
  const slab = SlabReader.open(built)
  for (const [name, rows] of [
    ['plain', plain],
    ['dups', dups],
  ] as const) {
    for (const start of [0, 1, 25, 4000, rows.length - 1]) {
      const first = rows.findIndex((row) => Buffer.compare(row.key, rows[start].key) === 0)
      const texts = [...(slab.db(name)?.rows(rows[start].key) ?? [])].map(rowText)
      assert.deepEqual(texts, rows.slice(first).map(rowText))
    }
  }
  slab.close()
})

test('RowCursor reads no pages ahead that lie behind where the caller will stop', () => {
  const slab = SlabReader.open(built)
  const db = slab.db('plain') as DbReader
  assert.ok(db.record.leafPages > 20)
  const { cursor, pages } = counting(slab, db)
  const [from, to] = [plain[40].key, plain[41].key]
  assert.ok(cursor.seek(from, to))
  // The way down, and no leaf but the one that was asked for.
  assert.equal(pages(), db.record.depth)
  // Who goes on all the same misses nothing.
  let rows = 1
  while (cursor.next()) rows++
  assert.equal(rows, plain.length - 40)
  slab.close()
})

test('RowCursor reads one leaf for a key that is looked up, and branch pages that the last lookup went through once', () => {
  const slab = SlabReader.open(built)
  const db = slab.db('plain') as DbReader
  assert.ok(db.record.depth > 1)
  const { cursor, pages } = counting(slab, db)
  for (const { key, value } of plain) {
    assert.ok(cursor.seek(key, key))
    assert.deepEqual([Buffer.from(cursor.key()), Buffer.from(cursor.value())], [Buffer.from(key), Buffer.from(value)])
  }
  assert.ok(pages() <= db.record.leafPages + db.record.branchPages, `${pages()} pages`)
  slab.close()
})

test('DbReader.scanner() gives the rows of cursor(), over more pages than its buffer holds', () => {
  // Keys of 400 bytes make branch pages of few children: a tree of many levels.
  const deep = sorted(
    numbered(0, 8000, (i) => i % 90).map(({ key, value }) => ({ key: Buffer.alloc(400, key), value })),
  )
  const distinct = deep.filter(({ key }, i) => i === 0 || Buffer.compare(deep[i - 1].key, key) < 0)
  const path = join(tempDir(), 'deep')
  buildSlab(path, { deep: { dupSort: false, rows: distinct } })
  const all = [SlabReader.open(path), SlabReader.open(built)].flatMap((slab) =>
    slab.dbNames().map((name) => slab.db(name) as DbReader),
  )
  assert.ok(all.some(({ record }) => record.depth >= 4))
  for (const db of all) {
    const scanner = db.scanner()
    const cursor = db.cursor()
    let more = cursor.seek(null)
    assert.equal(scanner.seek(null), more)
    let rows = 0
    while (more) {
      rows++
      assert.deepEqual(scanner.key(), cursor.key())
      assert.deepEqual(scanner.value(), cursor.value())
      more = cursor.next()
      assert.equal(scanner.next(), more)
    }
    assert.equal(rows, db.entries)
  }
})

test('DbReader.rows() stops before its upper bound', () => {
  const slab = SlabReader.open(built)
  const [from, to] = [plain[100].key, plain[250].key]
  assert.deepEqual([...(slab.db('plain')?.rows(from, to) ?? [])].map(rowText), plain.slice(100, 250).map(rowText))
  assert.deepEqual([...(slab.db('plain')?.rows(to, from) ?? [])], [])
  slab.close()
})

test('DbReader.get() and last() find exactly a key, its first value, and the last row', () => {
  const slab = SlabReader.open(built)
  const db = slab.db('dups')
  assert.equal(Buffer.from(db?.get(Buffer.from('many')) ?? []).toString(), '0'.repeat(40))
  assert.equal(db?.get(Buffer.from('man')), undefined)
  assert.equal(db?.get(Buffer.from('zzz')), undefined)
  assert.equal(rowText(db?.last() as Row), rowText(dups.at(-1) as Row))
  assert.equal(slab.db('plain')?.get(plain[7].key)?.length, plain[7].value.length)
  assert.equal(rowText(slab.db('large')?.last() as Row), rowText(large.at(-1) as Row))
  assert.equal(slab.db('empty')?.last(), undefined)
  assert.equal(slab.db('empty')?.get(Buffer.from('x')), undefined)
  assert.equal(slab.db('gone'), undefined)
  slab.close()
})

test('DbReader.last() gives the last of many duplicates', () => {
  const dir = join(tempDir(), 'last')
  const rows = dups.filter((row) => Buffer.from(row.key).toString() !== 'single' && row.key[0] !== 0x7a)
  buildSlab(dir, { dups: { dupSort: true, rows } })
  const slab = SlabReader.open(dir)
  assert.equal(rowText(slab.db('dups')?.last() as Row), rowText(rows.at(-1) as Row))
  slab.close()
})

test('DbReader.separators() are ascending keys that cut the rows into parts of similar size', () => {
  const slab = SlabReader.open(built)
  const db = slab.db('plain')
  const first = Number(Buffer.from(plain[0].key).readBigUInt64BE())
  for (const atLeast of [1, 10, 1000]) {
    const keys = db?.separators(atLeast) ?? []
    assert.ok(keys.length >= Math.min(atLeast, 100), `${keys.length} for ${atLeast}`)
    const places = keys.map((key) => Number(Buffer.from(key).readBigUInt64BE()) - first)
    const sizes = [...places, plain.length].map((place, i) => place - (places[i - 1] ?? 0))
    assert.ok(sizes.every((size) => size > 0))
    assert.ok(Math.max(...sizes.slice(0, -1)) <= 2 * Math.min(...sizes.slice(0, -1)), sizes.join(' '))
  }
  assert.deepEqual(slab.db('empty')?.separators(10), [])
  for (const [atLeast, parts] of [
    [1, 3],
    [10, 4],
    [1000, 7],
    [1000, 1],
    [1000, 1e4],
  ]) {
    const all = db?.separators(atLeast) ?? []
    const places = Array.from({ length: parts - 1 }, (_, i) => {
      return Math.floor(((i + 1) * all.length) / parts)
    })
    const wanted = [...new Set(places)].map((place) => all[place])
    assert.deepEqual(db?.separatorList(atLeast, parts), byteListOf(wanted), `${parts} of ${atLeast}`)
  }
  slab.close()
})

test('SlabReader.open() names a slab that is not there', () => {
  assert.throws(() => SlabReader.open(join(built, 'none')), { code: 'ERR_SOURCE', message: /there is no .*none/ })
  assert.equal(SlabReader.exists(join(built, 'none')), false)
  assert.equal(SlabReader.exists(built), true)
})

test('SlabReader says which file it is that the system refuses to read: of a whole run nobody else knows', () => {
  const path = join(tempDir(), 'refused')
  buildSlab(path, { rows: { dupSort: false, rows: numbered(0, 300) } })
  const slab = SlabReader.open(path)
  slab.close()
  const refused = { code: 'EBADF', syscall: 'read', path: join(path, 'data.mdb') }
  assert.throws(() => slab.readPages(2, 1), refused)
  assert.throws(() => slab.assertUnchanged(), refused)
})

/** A cursor, and how many pages it has read so far. */
function counting(slab: SlabReader, { record }: DbReader) {
  let pages = 0
  const file = {
    pageSize: slab.pageSize,
    readPages: (pgno: number, count: number) => {
      pages += count
      return slab.readPages(pgno, count)
    },
    corrupt: (found: string) => slab.corrupt(found),
  }
  return { cursor: new RowCursor(file, record), pages: () => pages }
}

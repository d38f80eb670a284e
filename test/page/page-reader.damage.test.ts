import assert from 'node:assert/strict'
import {
  closeSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MigrationError } from '../../src/errors.js'
import { SlabReader } from '../../src/page/page-reader.js'
import { RowCursor } from '../../src/page/row-cursor.js'
import { unpack } from '../support/cortex.js'
import { tempDir } from '../support/fixture.js'
import { randomOf } from '../support/random.js'
import { buildSlab, numbered } from './built-slab.js'

const PAGE_BYTES = 4096
const SEEDS = 300

const cortex = unpack('demo-cortex.tar.gz', join(tempDir(), 'cortex'))
const layers = readdirSync(cortex, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('layer.lmdb/data.mdb'))
  .map((path) => join(cortex, path))
  .sort((a, b) => statSync(b).blocks - statSync(a).blocks)
const whole = readFileSync(layers[0])
const used = usedBytes(layers[0])

/** Files are as long as their map: all that counts ends with the last page. */
function usedBytes(path: string): number {
  const slab = SlabReader.open(path)
  slab.close()
  return (slab.lastPage + 1) * PAGE_BYTES
}

/**
 * Reads all rows as the pipeline does, and compares their number to the entries, which is how it knows that it has read all.
 *
 * @returns 'whole', or what was found wrong
 */
function scan(path: string): string {
  let slab: SlabReader
  try {
    slab = SlabReader.open(path)
  } catch (err) {
    return refusal(err)
  }
  try {
    let rows = 0
    for (const name of slab.dbNames()) {
      const db = slab.db(name)
      assert.ok(db !== undefined)
      const before = rows
      for (const { key, value } of db.rows()) {
        assert.ok(key.length <= PAGE_BYTES && value.length <= used)
        // No slab of this size holds more rows: the reader would be running in a circle.
        assert.ok(++rows < used, `${path} has no end`)
      }
      if (rows - before !== db.entries) return `${rows - before} rows of ${db.entries}`
      db.last()
      db.get(Buffer.alloc(32, rows & 0xff))
      db.separators(1000)
    }
    return 'whole'
  } catch (err) {
    return refusal(err)
  } finally {
    slab.close()
  }
}

function refusal(err: unknown): string {
  assert.ok(err instanceof MigrationError, err instanceof Error ? err.stack : String(err))
  assert.ok(['ERR_SLAB_CORRUPT', 'ERR_SLAB_FORMAT'].includes(err.code), err.code)
  assert.match(err.message, /^Cannot (read|open) slab "/)
  return err.message
}

/** Damages the used part of a copy in place, scans it, and puts the bytes back. */
function scanDamaged(path: string, patches: readonly { at: number; bytes: Uint8Array }[]): string {
  const fd = openSync(path, 'r+')
  try {
    for (const { at, bytes } of patches) writeSync(fd, bytes, 0, bytes.length, at)
    return scan(path)
  } finally {
    for (const { at, bytes } of patches) writeSync(fd, whole, at, bytes.length, at)
    closeSync(fd)
  }
}

function compactCopy(): string {
  const path = join(tempDir(), 'data.mdb')
  writeFileSync(path, whole.subarray(0, used))
  assert.equal(scan(path), 'whole')
  return path
}

test(`SlabReader never crashes, loops or miscounts on ${SEEDS} files with flipped bits`, () => {
  const path = compactCopy()
  const results = new Map<string, number>()
  for (let seed = 0; seed < SEEDS; seed++) {
    const random = randomOf(seed)
    const patches = Array.from({ length: 1 + random(8) }, () => {
      // Headers and offsets of pages are hit as often as rows.
      const at = random(2) === 0 ? random(used) : random(used / PAGE_BYTES) * PAGE_BYTES + random(40)
      return { at, bytes: Uint8Array.of(whole[at] ^ (1 << random(8))) }
    })
    const result = scanDamaged(path, patches).replace(/.*slab ".*?": (page )?[\d ]*/, '')
    results.set(result, (results.get(result) ?? 0) + 1)
  }
  assert.ok(results.size > 10, [...results].map(([text, count]) => `${count} ${text}`).join('\n'))
})

test('SlabReader never crashes, loops or miscounts on files whose pages stand in each other’s place', () => {
  const path = compactCopy()
  let refused = 0
  for (let seed = 0; seed < 100; seed++) {
    const random = randomOf(1000 + seed)
    const [from, to] = [2 + random(used / PAGE_BYTES - 2), 2 + random(used / PAGE_BYTES - 2)]
    const bytes = whole.subarray(from * PAGE_BYTES, (from + 1) * PAGE_BYTES)
    if (scanDamaged(path, [{ at: to * PAGE_BYTES, bytes }]) !== 'whole') refused++
  }
  assert.ok(refused > 20, `${refused} refused`)
})

test('SlabReader refuses files that end too soon, wherever they end', () => {
  const path = compactCopy()
  const random = randomOf(7)
  const cuts = [0, 1, 100, 152, PAGE_BYTES, PAGE_BYTES + 100, 2 * PAGE_BYTES, used - 1, used - PAGE_BYTES]
  for (let i = 0; i < 50; i++) cuts.push(random(used))
  for (const size of cuts.sort((a, b) => b - a)) {
    const fd = openSync(path, 'r+')
    ftruncateSync(fd, size)
    closeSync(fd)
    const result = scan(path)
    // The last page may be a free one.
    if (size < used - 20 * PAGE_BYTES) assert.notEqual(result, 'whole', `${size} bytes of ${used}`)
  }
})

test('SlabReader refuses a damaged meta page, as the other one may speak of an older state', () => {
  const path = compactCopy()
  for (const number of [0, 1]) {
    for (const at of [10, 16]) {
      const result = scanDamaged(path, [{ at: number * PAGE_BYTES + at, bytes: new Uint8Array(2) }])
      assert.match(result, new RegExp(`meta page ${number} is not valid`))
    }
  }
})

test('SlabReader names the data format of a file that is not of format 1', () => {
  const path = compactCopy()
  const bytes = Uint8Array.of(2, 0, 0, 0)
  const patches = [20, PAGE_BYTES + 20].map((at) => ({ at, bytes }))
  assert.match(scanDamaged(path, patches), /data format is 2, expected 1/)
})

test('SlabReader.assertUnchanged() tells that somebody has committed since', () => {
  const path = compactCopy()
  const slab = SlabReader.open(path)
  slab.assertUnchanged()
  const fd = openSync(path, 'r+')
  const txnId = Buffer.alloc(8)
  txnId.writeBigUInt64LE(BigInt(slab.txnId + 1))
  writeSync(fd, txnId, 0, 8, 144)
  assert.throws(() => slab.assertUnchanged(), { code: 'ERR_SOURCE_CHANGED' })
  closeSync(fd)
  slab.close()
})

test('RowCursor ends with an error when branch pages lead back to themselves', () => {
  const dir = join(tempDir(), 'loop')
  buildSlab(dir, { rows: { dupSort: false, rows: numbered(0, 20_000) } })
  const path = join(dir, 'data.mdb')
  const slab = SlabReader.open(path)
  const { root, depth } = slab.db('rows')?.record ?? { root: 0, depth: 0 }
  assert.ok(depth >= 2)
  const page = Buffer.from(slab.readPages(root, 1))
  const node = page.readUInt16LE(16)
  page.writeUInt32LE(root, node)
  const fd = openSync(path, 'r+')
  writeSync(fd, page, 0, PAGE_BYTES, root * PAGE_BYTES)
  closeSync(fd)
  const cursor = slab.db('rows')?.cursor()
  assert.ok(cursor instanceof RowCursor)
  assert.throws(() => cursor.seek(null), { code: 'ERR_SLAB_CORRUPT', message: /deeper than/ })
  slab.close()
})

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setEnvironmentData } from 'node:worker_threads'
import fc from 'fast-check'
import { PageFile, usePageCache } from '../../src/file/page-file.js'
import { tempDir } from '../support/cortex.js'

const PAGE_BYTES = 4096
const MOST_PAGES = 1200

/** Writes at any places, of any size: less and more than is written at once. */
const writes = fc.array(
  fc.record({
    page: fc.nat(MOST_PAGES),
    pages: fc.integer({ min: 1, max: 700 }),
    follows: fc.boolean(),
    sync: fc.boolean(),
  }),
  { maxLength: 12 },
)

function pagesOf(count: number, value: number): Uint8Array {
  return new Uint8Array(count * PAGE_BYTES).fill(value)
}

for (const way of ['past', 'through']) {
  test(`PageFile leaves the bytes that were written last, ${way} the page cache`, (t) => {
    const dir = tempDir(t)
    if (way === 'through') usePageCache()
    t.after(() => setEnvironmentData('synapse-migrator page cache', undefined))
    let files = 0
    const check = (list: { page: number; pages: number; follows: boolean; sync: boolean }[]) => {
      const path = join(dir, `${files++}`)
      const file = new PageFile(path, true)
      const expected = Buffer.alloc((2 * MOST_PAGES + 700 * list.length) * PAGE_BYTES)
      let end = 0
      let size = 0
      for (const [i, { page, pages, follows, sync }] of list.entries()) {
        const at = follows ? end : page * PAGE_BYTES
        const bytes = pagesOf(pages, i + 1)
        file.write(bytes, at)
        bytes.fill(0xff)
        expected.fill(i + 1, at, at + bytes.length)
        end = at + bytes.length
        size = Math.max(size, end)
        if (sync) {
          file.sync()
          assert.equal(file.size, size)
        }
      }
      file.syncAll()
      file.close()
      assert.ok(readFileSync(path).equals(expected.subarray(0, size)))
    }
    fc.assert(fc.property(writes, check), { numRuns: 30 })
  })
}

test('PageFile writes what a disk does not take past the page cache', (t) => {
  const path = join(tempDir(t), 'odd')
  const file = new PageFile(path, true)
  file.write(pagesOf(1, 1), 0)
  // No disk has blocks of 100 bytes.
  file.write(
    Uint8Array.from({ length: 100 }, (_, i) => i),
    PAGE_BYTES,
  )
  file.sync()
  file.write(pagesOf(2, 2), 2 * PAGE_BYTES)
  file.truncate(3 * PAGE_BYTES)
  file.sync()
  file.close()
  const bytes = readFileSync(path)
  assert.equal(bytes.length, 3 * PAGE_BYTES)
  assert.deepEqual([...bytes.subarray(PAGE_BYTES - 1, PAGE_BYTES + 3)], [1, 0, 1, 2])
  assert.equal(bytes.at(-1), 2)
})

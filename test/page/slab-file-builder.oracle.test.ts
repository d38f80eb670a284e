import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { walkSlab } from '../../src/page/page-walker.js'
import { python } from '../support/cortex.js'
import { tempDir } from '../support/fixture.js'
import { asStored, buildSlab, type DbRows } from './built-slab.js'

const EDITS = 400
const dir = tempDir()

for (const release of ['rc18', 'latest'] as const) {
  for (const fill of [0.9, 1]) {
    test(`SlabFileBuilder's slabs of fill ${fill} are edited by py-lmdb of ${release} as its own would be`, () => {
      const path = join(dir, `${release}-${fill}`)
      const dbs = everyShape()
      buildSlab(path, dbs, { fill, chunkBytes: 1 << 16, parts: 3, droppedRows: 1_000_000 * (1 - fill) })
      assert.equal(walkSlab(path).freePages > 0, fill < 1)
      const told = JSON.parse(python(release, 'edit_slab.py', path, String(EDITS), '7', `${path}-copy`))
      assert.deepEqual(told.found, counts(dbs))
      for (const edited of [path, `${path}-copy`]) {
        const walk = walkSlab(edited)
        assert.deepEqual(walk.complaints, [])
        for (const [name, left] of Object.entries(told.left)) assert.equal(walk.dbs.get(name)?.entries, left)
      }
    })
  }
}

/** One db per shape that pages can have: single values, sub-pages, trees of values, overflow pages, nothing. */
function everyShape(): Record<string, DbRows> {
  const random = lcg(11)
  const bytes = (size: number) => Uint8Array.from({ length: size }, () => random(256))
  const rows = (count: number, key: () => Uint8Array, value: () => Uint8Array) =>
    Array.from({ length: count }, () => ({ key: key(), value: value() }))
  const fewKeys = (count: number) => {
    const keys = rows(
      count,
      () => bytes(40),
      () => bytes(0),
    ).map((row) => row.key)
    return () => keys[random(count)]
  }
  const dbs: Record<string, DbRows> = {
    buids: {
      dupSort: false,
      rows: rows(
        6000,
        () => bytes(34),
        () => bytes(20 + random(100)),
      ),
    },
    large: {
      dupSort: false,
      rows: rows(
        300,
        () => bytes(32),
        () => bytes(1900 + random(9000)),
      ),
    },
    'long-keys': {
      dupSort: false,
      rows: rows(
        2000,
        () => bytes(511),
        () => bytes(random(30)),
      ),
    },
    singles: {
      dupSort: true,
      rows: rows(
        6000,
        () => bytes(30),
        () => bytes(32),
      ),
    },
    'sub-pages': { dupSort: true, rows: rows(9000, fewKeys(400), () => bytes(32)) },
    'sub-trees': { dupSort: true, rows: rows(30_000, fewKeys(6), () => bytes(40)) },
    'long-dups': { dupSort: true, rows: rows(3000, fewKeys(3), () => bytes(511)) },
    'no-rows': { dupSort: false, rows: [] },
    'no-dups': { dupSort: true, rows: [] },
  }
  return Object.fromEntries(
    Object.entries(dbs).map(([name, db]) => [name, { dupSort: db.dupSort, rows: asStored(db) }]),
  )
}

function counts(dbs: Record<string, DbRows>): Record<string, number> {
  return Object.fromEntries(Object.entries(dbs).map(([name, { rows }]) => [name, rows.length]))
}

/** A small generator of repeatable numbers below `limit`. */
function lcg(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

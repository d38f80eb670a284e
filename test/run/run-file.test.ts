import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { byteListOf, itemOf } from '../../src/bytes/byte-list.js'
import { kernel } from '../../src/kernel/kernel.js'
import { RUN_BLOCK_BYTES, RunReader, roomFor } from '../../src/run/run-blocks.js'
import { RunWriter } from '../../src/run/run-file.js'
import { readRunFooter } from '../../src/run/run-footer.js'
import type { RunSection } from '../../src/run/section-notes.js'
import { tempDir } from '../support/fixture.js'
import { randomOf } from '../support/random.js'
import { buidOf, buidsOf, indexRows, type TestRow } from './index-rows.js'
import { rowsOf } from './merged-rows.js'

const dir = tempDir()
const names = ['a', 'bb', 'ccc'].map((name) => Buffer.from(name))

function randomRows(count: number): TestRow[] {
  const random = randomOf(count)
  return Array.from({ length: count }, (_, owner) => {
    const index = Buffer.alloc(random(60), random(256))
    return { group: random(3), owner, index }
  })
}

const ranks = {
  one: { first: Int32Array.of(2, 0, 1), second: null },
  two: { first: Int32Array.of(1, 0, 1), second: Int32Array.of(5, 9, 3) },
  none: { first: new Int32Array(0), second: null },
}

function writeRun(path: string, rows: readonly TestRow[], values: readonly Uint8Array[], blockBytes?: number): void {
  const run = new RunWriter(path, blockBytes)
  const buids = buidsOf(Math.max(rows.length, values.length))
  run.section('one', indexRows(rows, ranks.one), buids)
  run.section('two', indexRows(rows, ranks.two), buids)
  run.section('none', indexRows([], ranks.none), buids)
  values.forEach((value, owner) => {
    run.nodedata(buidOf(owner), 0, owner % 3, value)
  })
  run.endRun()
  const lists = { propNames: byteListOf(names), tagNames: byteListOf(names.slice(0, 1)), tagPropNames: byteListOf([]) }
  const { bytes } = run.finish(lists, Int32Array.of(0, 1, 2), (name) => ranks[name as keyof typeof ranks])
  assert.equal(bytes, readFileSync(path).length)
}

test('RunWriter writes what readRunFooter() and RunMerge read', () => {
  for (const count of [0, 1, 500, 30_000]) {
    const path = join(dir, `round-${count}.run`)
    const rows = randomRows(count)
    writeRun(path, rows, [], 1000)
    const footer = readRunFooter(path)
    assert.ok(footer !== null)
    assert.deepEqual(
      [footer.propNames, footer.tagNames, footer.tagPropNames],
      [names, names.slice(0, 1), []].map(byteListOf),
    )
    for (const [name, keys] of [
      ['one', [2, 0, 1].map((a) => ({ a, b: -1 }))],
      ['two', [5, 9, 3].map((b, group) => ({ a: [1, 0, 1][group], b }))],
    ] as const) {
      const section: RunSection = footer.sections[name]
      const order = [0, 1, 2].sort((x, y) => keys[x].a - keys[y].a || keys[x].b - keys[y].b)
      const groups = order.filter((group) => rows.some((row) => row.group === group))
      assert.deepEqual(
        [...section.a],
        groups.map((group) => keys[group].a),
      )
      assert.deepEqual(
        [...section.b],
        groups.map((group) => keys[group].b),
      )
      groups.forEach((group, place) => {
        const wanted = rows
          .filter((row) => row.group === group)
          .sort((x, y) => Buffer.compare(x.index, y.index) || x.owner - y.owner)
        assert.equal(section.counts[place], wanted.length)
        const segment = { path, start: startOf(section, place), end: section.ends[place] }
        // One more than there are: the segment ends them.
        const found = rowsOf(segment, wanted.length + 1)
        assert.deepEqual(
          found.map(({ index, owner }) => `${index.toString('hex')} ${owner}`),
          wanted.map(({ index, owner }) => `${Buffer.from(index).toString('hex')} ${owner}`),
        )
      })
      // Entry points are in order and lead to rows of the group with the bytes they say.
      section.entryStarts.forEach((start, i) => {
        const key = itemOf(section.entryKeys, i)
        const head = contentOf(path, start, 2 + key.length)
        assert.equal(head.readUInt16LE(0), key.length)
        assert.deepEqual(head.subarray(2), Buffer.from(key))
        const group = section.entryGroups[i]
        assert.ok(start >= startOf(section, group) && start < section.ends[group])
      })
      if (count === 30_000) assert.ok(section.entryStarts.length > 100)
    }
    assert.equal(footer.sections.none.a.length, 0)
  }
})

test('RunWriter keeps values of node data of any size', () => {
  const path = join(dir, 'nodedata.run')
  const values = [0, 1, 100, 1 << 20, (1 << 20) + 1, 5 << 20, 3].map((size, i) => new Uint8Array(size).fill(i + 1))
  writeRun(path, randomRows(10), values)
  const footer = readRunFooter(path)
  const { starts, ends } = footer?.nodedata ?? { starts: [0], ends: [0] }
  let at = starts[0]
  const bytes = contentOf(path, 0, ends[0])
  for (const [owner, value] of values.entries()) {
    assert.equal(bytes.readUInt32BE(at), owner)
    assert.equal(bytes.readUInt32LE(at + 32), owner % 3)
    assert.equal(bytes.readUInt32LE(at + 36), value.length)
    assert.equal(Buffer.compare(bytes.subarray(at + 40, at + 40 + value.length), value), 0)
    at += 40 + value.length
  }
  assert.equal(at, ends[0])
})

test('RunWriter gives the file its name only when it is complete', () => {
  const path = join(dir, 'part.run')
  const run = new RunWriter(path)
  run.section('one', indexRows(randomRows(10), ranks.one), buidsOf(10))
  assert.equal(existsSync(path), false)
  assert.equal(readRunFooter(path), null)
})

test('readRunFooter() is null for a run that is not there', () => {
  assert.equal(readRunFooter(join(dir, 'none.run')), null)
})

/** Where the rows of a group start, in a file of one run. */
function startOf({ starts, ends }: RunSection, group: number): number {
  return group === 0 ? starts[0] : ends[group - 1]
}

/** Reads all that a migration reads of a run: its footer, the rows of its groups, its node data. */
function readAll(path: string): void {
  const footer = readRunFooter(path)
  assert.ok(footer !== null)
  for (const section of Object.values(footer.sections)) {
    section.counts.forEach((count, group) => {
      rowsOf({ path, start: startOf(section, group), end: section.ends[group] }, count)
    })
  }
  const { starts, ends } = footer.nodedata
  contentOf(path, starts[0], ends[0] - starts[0])
}

test('no byte of a run can change, no block move and no end be missing without being noticed', () => {
  const path = join(dir, 'damaged.run')
  const random = randomOf(1)
  writeRun(path, randomRows(300), [new Uint8Array(9000).fill(7)])
  const whole = readFileSync(path)
  readAll(path)
  const refused = (what: string) =>
    assert.throws(() => readAll(path), { code: 'ERR_DEST', message: /^Cannot read run ".*damaged.run": / }, what)
  for (let at = 0; at < whole.length; at += 1 + random(100)) {
    const bytes = Buffer.from(whole)
    bytes[at] ^= 1 << random(8)
    writeFileSync(path, bytes)
    refused(`byte ${at}`)
  }
  const blocks = whole.length / RUN_BLOCK_BYTES
  assert.ok(blocks > 5)
  for (let block = 0; block < blocks; block++) {
    const start = block * RUN_BLOCK_BYTES
    const zeroed = Buffer.from(whole).fill(0, start, start + RUN_BLOCK_BYTES)
    writeFileSync(path, zeroed)
    refused(`block ${block} zeroed`)
    const other = ((block + 1) % blocks) * RUN_BLOCK_BYTES
    const moved = Buffer.from(whole)
    whole.copy(moved, start, other, other + RUN_BLOCK_BYTES)
    writeFileSync(path, moved)
    refused(`block ${block} is the next one`)
  }
  for (const size of [0, 1, 24, 4095, 4096, whole.length - 4096, whole.length - 1]) {
    writeFileSync(path, whole)
    truncateSync(path, size)
    refused(`${size} bytes`)
  }
  const another = join(dir, 'another.run')
  writeRun(another, randomRows(300), [new Uint8Array(9000).fill(7)])
  copyFileSync(another, path)
  refused('the run of another partition')
})

test('RunMerge says so when the file ends before its segment, and the thread goes on', () => {
  const path = join(dir, 'short.run')
  const whole = join(dir, 'whole.run')
  for (const to of [path, whole]) writeRun(to, randomRows(500), [])
  truncateSync(path, 5000)
  const { length } = kernel().mem
  for (let i = 0; i < 20; i++) {
    assert.throws(() => rowsOf({ path, start: 8, end: 10_000 }, 500), { code: 'ERR_DEST' })
    assert.equal(rowsOf({ path: whole, start: 8, end: 10_000 }, 100).length, 100)
  }
  assert.ok(kernel().mem.length <= Math.max(length, 1 << 20), 'what failed is free again')
})

function contentOf(path: string, position: number, length: number): Buffer {
  const buf = Buffer.alloc(roomFor(length))
  const start = new RunReader(path).read(position, length, buf)
  return buf.subarray(start, start + length)
}

test('RunReader says which run it is that the system refuses to read', () => {
  const path = join(dir, 'directory.run')
  mkdirSync(path)
  const refused = { code: 'EISDIR', syscall: 'read', path }
  assert.throws(() => new RunReader(path).read(0, 10, Buffer.alloc(roomFor(10))), refused)
})

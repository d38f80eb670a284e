import assert from 'node:assert/strict'
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { planUpgrade, upgradeSource, upgradeText } from '../../src/upgrade/upgrade-source.js'
import { fixture, tempDir, unpack } from '../support/cortex.js'
import { rowsOfLines, upgradedRows } from '../support/upgraded-rows.js'

/** A form that 0.1.58 forgets: an edge to an edge to a source keeps the name `source`, which no model has (D60). */
const FORGOTTEN = Buffer.from('\x92\xa6source', 'latin1')

for (const name of ['before-0.1.0', '0.1.0', '0.1.31', '0.1.51']) {
  test(`upgradeSource() makes of ${name} what 0.1.58 makes when it starts`, (t) => {
    const dir = tempDir(t)
    const src = unpack(`old/${name}.tar.gz`, join(dir, 'src'))
    const before = filesOf(src)
    const plan = planUpgrade(src)
    assert.ok(plan !== null)
    const made = upgradeSource(plan, join(dir, 'source'), [])
    const [ours, theirs] = [
      upgradedRows(made),
      rowsOfLines(gunzipSync(readFileSync(fixture(`old/${name}.jsonl.gz`))).toString()),
    ]
    assert.ok(theirs.size > 100, `${theirs.size} rows`)
    const differing = [...theirs].filter(([key, value]) => ours.get(key) !== value)
    const forgotten = differing.filter(([, value]) => Buffer.from(value, 'hex').includes(FORGOTTEN))
    // A node that it forgets is one of another buid: none of its rows is among ours.
    const forgottenBuids = new Set(forgotten.map(([key]) => key.slice(0, 'layer0 '.length + 64)))
    const lost = differing.filter(([key]) => !forgottenBuids.has(key.slice(0, 'layer0 '.length + 64)))
    assert.deepEqual(
      lost.map(([key, value]) => `${key} = ${value}, ours ${ours.get(key)}`),
      [],
    )
    assert.equal(forgottenBuids.size, name === 'before-0.1.0' ? 2 : 0)
    assert.equal(ours.size, theirs.size)
    assert.deepEqual(filesOf(src), before)
    assert.equal(planUpgrade(made), null)
  })
}

test('upgradeSource() uses what it has made again, for as long as the source is the same', (t) => {
  const dir = tempDir(t)
  const src = unpack('old/0.1.31.tar.gz', join(dir, 'src'))
  const to = join(dir, 'source')
  const make = () => upgradeSource(planUpgrade(src) ?? assert.fail('no plan'), to, [])
  make()
  writeFileSync(join(to, 'mark'), '')
  make()
  assert.ok(existsSync(join(to, 'mark')))
  const layer = planUpgrade(src)?.layers.find(({ revisions }) => revisions.length > 0)
  const data = join(layer?.dir ?? '', 'layer.lmdb', 'data.mdb')
  flipWithin(data, '.created')
  make()
  assert.ok(!existsSync(join(to, 'mark')))
})

test('planUpgrade() has nothing to do for a Cortex of 0.1.58, and upgradeText() says what it has for others', (t) => {
  const dir = tempDir(t)
  assert.equal(planUpgrade(unpack('demo-cortex.tar.gz', join(dir, 'new'))), null)
  const plan = planUpgrade(unpack('old/before-0.1.0.tar.gz', join(dir, 'old')))
  assert.ok(plan !== null)
  const text = upgradeText(plan).join('\n')
  assert.match(text, /get idens of their own/)
  assert.match(text, /model version \(0, 0, 0\): the names of nine forms .*ps:contact:address.*disolved/)
})

/** Changes a bit of the first place in a file that holds the text; the files are sparse, and too large for one buffer. */
function flipWithin(path: string, text: string): void {
  const fd = openSync(path, 'r+')
  const buf = Buffer.alloc(1 << 20)
  readSync(fd, buf, 0, buf.length, 0)
  const at = buf.indexOf(text)
  assert.ok(at > 0)
  writeSync(fd, Buffer.of(buf[at + 1] ^ 1), 0, 1, at + 1)
  closeSync(fd)
}

/** Every file below a directory with its size and when it was written. */
function filesOf(dir: string): Map<string, string> {
  const names = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = names.map(({ parentPath, name }) => join(parentPath, name)).sort()
  const facts = (path: string) => {
    const { size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
    return `${size} ${mtimeNs} ${ctimeNs}`
  }
  return new Map(paths.map((path) => [path, facts(path)]))
}

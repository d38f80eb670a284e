import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { decode, encode, PackMap, type Value } from '../../src/bytes/msgpack.js'
import { NexusLog, reserveEditIndexes } from '../../src/dest/nexus-log.js'
import { SlabReader } from '../../src/page/page-reader.js'
import { tempDir, unpack } from '../support/cortex.js'

const A = 'a'.repeat(32)
const B = 'b'.repeat(32)
const EMPTY = new PackMap([])

test('reserve() puts one row that does nothing where the longest edit log ends (D33)', async (t) => {
  const dir = tempDir(t)
  const log = await NexusLog.open(dir)
  assert.equal(log.reserve(new Map([[A, 0]])), null)
  assert.deepEqual(rows(dir), [])
  assert.equal(log.reserve(new Map([[A, 7], [B, 141], ['c'.repeat(32), 0]])), 140)
  assert.deepEqual(rows(dir), [[140, hex([B, 'edits', [[], EMPTY], EMPTY, EMPTY])]])
  await log.close()
}) // biome-ignore format: a map

test('reserve() moves its row in a further run and never stacks them', async (t) => {
  const dir = tempDir(t)
  const log = await NexusLog.open(dir)
  for (const next of [9, 9, 20, 5]) {
    assert.equal(log.reserve(new Map([[A, next]])), next - 1)
    assert.deepEqual(rows(dir).map(([index]) => index), [next - 1])
  }
  await log.close()
}) // biome-ignore format: a list

test('append() logs batches of edits as the reference does, and reserve() comes behind them', async (t) => {
  const dir = tempDir(t)
  const log = await NexusLog.open(dir, 2 ** 24)
  const nodeEdits: Value[] = [[new Uint8Array(32), 'inet:fqdn', [[0, ['a.com', 17], []]]]]
  const batch = { layerIden: A, nodeEdits, timeMs: 1795357912346, userIden: B }
  log.append([batch, batch])
  const meta = new PackMap([['time', 1795357912346], ['user', B]])
  const row = hex([A, 'edits', [nodeEdits, meta], EMPTY, EMPTY])
  assert.deepEqual(rows(dir), [[0, row], [1, row]])
  assert.equal(log.reserve(new Map([[A, 2]])), null)
  assert.equal(log.reserve(new Map([[A, 9]])), 8)
  log.append([batch])
  assert.deepEqual(rows(dir), [[0, row], [1, row], [8, row]])
  await log.close()
}) // biome-ignore format: lists

test('reserveEditIndexes() looks at the edit logs of a destination', async (t) => {
  const dir = join(unpack('reference/oldform.tar.gz', tempDir(t)), 'dest')
  assert.equal(await reserveEditIndexes(tempDir(t)), null)
  const edits = SlabReader.open(join(dir, 'layers', 'da202ae99a55194da2d4b96eb84a754b', 'nodeedits.lmdb'))
  const count = edits.db('nodeedits')?.entries ?? 0
  edits.close()
  assert.ok(count > 1)
  assert.equal(await reserveEditIndexes(dir), count - 1)
})

function rows(destDir: string): [number, string][] {
  const slab = SlabReader.open(join(destDir, 'slabs', 'nexus.lmdb'))
  const found = [...(slab.db('nexuslog')?.rows() ?? [])]
  slab.close()
  return found.map(({ key, value }) => [Number(Buffer.from(key).readBigUInt64BE()), hex(decode(value))])
}

function hex(value: Value): string {
  return Buffer.from(encode(value)).toString('hex')
}

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { decode, encode, Float, PackMap, type Value } from '../../src/bytes/msgpack.js'
import { Slab } from '../../src/slab/slab.js'
import { Hive } from '../../src/sync/cell/hive.js'
import { LmdbOffsetStore } from '../../src/sync/cell/offset-store.js'
import { LAYER, syncError } from '../support/fake-sync.js'
import { tempDir } from '../support/fixture.js'
import { unpackService } from '../support/reference-service.js'

const OTHER = '00112233445566778899aabbccddeeff'

async function openStore(dir: string, onBroken: (error: unknown) => void = assert.ifError) {
  const cellSlab = await Slab.open(join(dir, 'slabs', 'cell.lmdb'))
  const slab = await Slab.open(join(dir, 'slabs', 'migrsync.lmdb'))
  const store = new LmdbOffsetStore(slab, new Hive(cellSlab), onBroken)
  return { store, slab, close: async () => [await cellSlab.close(), await slab.close()] }
}

/** What another process finds in the directory. */
function stored(dir: string) {
  const script = fileURLToPath(new URL('../support/offsets-child.js', import.meta.url))
  const { stdout, stderr } = spawnSync(process.execPath, [script, dir], { encoding: 'utf8' })
  assert.equal(stderr, '')
  return JSON.parse(stdout)
}

test('LmdbOffsetStore reads the state of a reference service', () => {
  const { layers, errors, override, syncing } = stored(unpackService(tempDir()))
  assert.deepEqual(layers, [
    { iden: OTHER, start: 0, pull: 0, push: 0, errors: 0 },
    { iden: LAYER, start: 100, pull: 32048, push: 32040, errors: 3 },
  ])
  assert.deepEqual(
    errors.map(({ offset, message }: { offset: number; message: string }) => [offset, message]),
    [
      [32041, 'Unable to determine stortype type for form inet:newp'],
      [32045, 'Unable to determine stortype type for form inet:newp'],
      [32046, 'AuthDeny: no rights'],
    ],
  )
  const [splice] = decode(Buffer.from(errors[0].splices[0], 'hex')) as Value[]
  assert.equal(splice, 'node:add')
  assert.equal(override, true)
  assert.equal(syncing, false)
})

test('LmdbOffsetStore keeps offsets, errors, override and syncing for the next process', async () => {
  const dir = tempDir()
  const { store, close } = await openStore(dir)
  assert.equal(store.pullOffset(LAYER), 0)
  assert.equal(store.migrationModeOverride(), null)
  await store.startLayers(
    [
      [LAYER, 10],
      [OTHER, 2 ** 40],
    ],
    true,
  )
  await store.setPullOffset(LAYER, 20)
  const valu = new Float(1)
  const splice = encode(['prop:set', new PackMap([['valu', valu]])])
  await store.advance(LAYER, 15, [syncError({ offset: 12, endOffset: 15, splices: [splice] })])
  await store.advance(LAYER, 16)
  await store.setMigrationModeOverride(false)
  await store.setSyncing(true)
  await close()
  const found = stored(dir)
  assert.deepEqual(found.layers, [
    { iden: OTHER, start: 2 ** 40, pull: 2 ** 40, push: 2 ** 40, errors: 0 },
    { iden: LAYER, start: 10, pull: 20, push: 16, errors: 1 },
  ])
  const { message } = syncError()
  const splices = [Buffer.from(splice).toString('hex')]
  assert.deepEqual(found.errors, [{ layer: LAYER, offset: 12, endOffset: 15, message, splices }])
  assert.equal(found.override, false)
  assert.equal(found.syncing, true)
})

test('LmdbOffsetStore shows every write at once, and commits in order', async () => {
  const dir = tempDir()
  const { store, slab, close } = await openStore(dir)
  const order: number[] = []
  const done = [1, 2, 3].map((offset) => store.advance(LAYER, offset).then(() => order.push(offset)))
  const recorded = store.advance(LAYER, 4, [syncError({ offset: 3, endOffset: 4 }), syncError({ offset: 2 })])
  assert.equal(store.pushOffset(LAYER), 4)
  assert.deepEqual(
    [...store.errors(LAYER)].map(({ offset }) => offset),
    [2, 3],
  )
  assert.deepEqual(
    [...store.errors(LAYER, 3)].map(({ offset }) => offset),
    [3],
  )
  assert.equal(store.error(LAYER, 3)?.endOffset, 4)
  assert.equal(store.error(LAYER, 4), undefined)
  assert.equal(slab.db('push_offs').entries, 0)
  await Promise.all([...done, recorded])
  assert.deepEqual(order, [1, 2, 3])
  assert.equal(slab.db('push_offs').entries, 1)
  await store.removeError(LAYER, 2)
  assert.equal(store.errorCount(LAYER), 1)
  await store.startLayers([[LAYER, 1]], true)
  assert.equal(store.errorCount(LAYER), 0)
  assert.deepEqual([...store.errors()], [])
  assert.equal(slab.db('errors').entries, 0)
  await close()
})

test('LmdbOffsetStore tells once when it cannot write, and takes nothing afterwards', async () => {
  const broken: unknown[] = []
  const { store, slab, close } = await openStore(tempDir(), (error) => broken.push(error))
  slab.write = () => {
    throw new Error('disk full')
  }
  await assert.rejects(store.advance(LAYER, 1), /disk full/)
  await assert.rejects(store.advance(LAYER, 2), /disk full/)
  assert.equal(broken.length, 1)
  await close()
})

test('LmdbOffsetStore keeps anchors and what was checked, until a start from the file forgets both', async () => {
  const dir = tempDir()
  const anchors = [
    { offset: 0, digest: null, index: 3, row: null },
    { offset: 7, digest: 'ab'.repeat(16), index: null, row: '2.0.0 cd' },
  ]
  const cellSlab = await Slab.open(join(dir, 'slabs', 'cell.lmdb'))
  const slab = await Slab.open(join(dir, 'slabs', 'migrsync.lmdb'))
  // Another one finds what is in the slab.
  const open = () => new LmdbOffsetStore(slab, new Hive(cellSlab), assert.ifError)
  const first = open()
  assert.deepEqual([first.anchors(LAYER), first.nodesChecked(LAYER)], [[], null])
  await first.startLayers([[LAYER, 7]], true)
  await Promise.all([first.setAnchors(LAYER, anchors), first.setNodesChecked(LAYER, 1_600_000_000_000.7)])
  assert.deepEqual(first.anchors(LAYER), anchors)
  assert.deepEqual([open().anchors(LAYER), open().nodesChecked(LAYER)], [anchors, 1_600_000_000_000])
  await first.startLayers([[LAYER, 7]], false)
  assert.deepEqual(open().anchors(LAYER), anchors)
  await first.startLayers([[LAYER, 7]], true)
  const last = open()
  assert.deepEqual([first.nodesChecked(LAYER), last.anchors(LAYER), last.nodesChecked(LAYER)], [null, [], null])
  await slab.close()
  await cellSlab.close()
})

test('LmdbOffsetStore goes on one splice earlier in a directory of the reference service, which had not pushed it', async () => {
  const dir = unpackService(tempDir())
  const { store, close } = await openStore(dir)
  assert.deepEqual([store.pushOffset(LAYER), store.settledOffset(LAYER)], [32040, 32039])
  await close()
})

import assert from 'node:assert/strict'
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { MigrationError } from '../../src/errors.js'
import { cortexPaths } from '../../src/layout/paths.js'
import { Meta, PAGE_BYTES } from '../../src/page/format.js'
import { SlabReader } from '../../src/page/page-reader.js'
import { walkSlab } from '../../src/page/page-walker.js'
import type { VerifyReport } from '../../src/verify/report.js'
import { verifyMigration } from '../../src/verify/verifier.js'
import { copyCortex, migrate, synapseMigrator, tempDir, unpack } from '../support/cortex.js'
import { demo } from '../support/nexus-demo.js'
import { randomOf } from '../support/random.js'

const LAYER = '0b4eb4d9fb9d979464a52b2b803afb03'
/** Fields of a meta page that say what is in a slab, from the page size to the last page. */
const META_FIELDS = [Meta.freeDb, Meta.txnId] as const

/** More rounds try more bits, in the same order. */
const ROUNDS = Number(process.env.DAMAGE_ROUNDS ?? 1)

/** Every slab that a migration leaves, and that verify looks at. */
const slabsOf = (dest: string) => {
  const { slab, layer, migration } = cortexPaths(dest)
  const paths = [slab('cell'), slab('queues'), slab('nexus'), migration.log]
  for (const name of ['layer_v2', 'nodedata', 'nodeedits'] as const) paths.push(layer(LAYER).slab(name))
  return [...paths, join(dest, 'axon', 'axon.lmdb')].map((path) => join(path, 'data.mdb'))
}

test('a flipped bit of the meta page of any slab of the destination is a difference, and the rest is compared', async (t) => {
  const dest = copyCortex(demo.dest, join(tempDir(t), 'dest'))
  const random = randomOf(58)
  for (const path of slabsOf(dest)) {
    for (let round = 0; round < ROUNDS; round++) {
      const at = newestMeta(path) * PAGE_BYTES + META_FIELDS[0] + random(META_FIELDS[1] - META_FIELDS[0])
      const mend = flip(path, at, random(8))
      const report = await verified(dest)
      mend()
      const where = `${path} byte ${at}`
      assert.ok(report.differenceCount > 0, where)
      assert.ok(report.layers.filter(({ iden }) => iden !== LAYER).every(({ differenceCount }) => differenceCount === 0), where)
      assert.equal(report.layers.length, 4, where)
      assert.ok(report.cell.compared > 200, where)
    }
  }
}) // biome-ignore format: short

test('slabs of the destination that are damaged at random places never end verify with an error', async (t) => {
  const dest = copyCortex(demo.dest, join(tempDir(t), 'dest'))
  const random = randomOf(157)
  const paths = [...slabsOf(dest), join(cortexPaths(dest).migration.checkpoints, 'data.mdb')]
  for (let round = 0; round < 5 * ROUNDS; round++) {
    const mends = paths.map((path) => flip(path, random(usedBytes(path)), random(8)))
    const report = await verified(dest)
    for (const mend of mends) mend()
    assert.ok(report.differenceCount > 0, `round ${round} of seed 157`)
  }
  assert.equal((await verified(dest)).differenceCount, 0)
})

test('walkSlab() complains of a flipped bit, or finds nothing wrong, and never fails', () => {
  const random = randomOf(1)
  const path = join(copyCortex(demo.dest, join(tempDir({ after }), 'dest')), 'layers', LAYER, 'layer_v2.lmdb', 'data.mdb')
  let complained = 0
  for (let round = 0; round < 1500; round++) {
    const inMeta = round % 3 === 0
    const at = inMeta ? newestMeta(path) * PAGE_BYTES + META_FIELDS[0] + random(META_FIELDS[1] - META_FIELDS[0]) : random(usedBytes(path))
    const mend = flip(path, at, random(8))
    try {
      const { complaintCount } = walkSlab(path)
      if (complaintCount > 0) complained++
      else if (inMeta) assert.fail(`byte ${at} of the meta page`)
    } catch (error) {
      assert.ok(error instanceof MigrationError && ['ERR_SLAB_CORRUPT', 'ERR_SLAB_FORMAT'].includes(error.code), String(error))
      complained++
    } finally {
      mend()
    }
  }
  assert.ok(complained > 500, String(complained))
}) // biome-ignore format: short

test('a damaged source is an error of the source, with exit code 5', (t) => {
  const src = copyCortex(demo.src, join(tempDir(t), 'src'))
  const path = join(src, 'layers', LAYER, 'layer.lmdb')
  const slab = SlabReader.open(path)
  const { root, depth } = slab.db('bybuid')?.record ?? { root: 0, depth: 0 }
  slab.close()
  flip(join(path, 'data.mdb'), root * PAGE_BYTES + 10, depth > 1 ? 0 : 1)
  const { status, stderr } = synapseMigrator(['verify', '--src', src, '--dest', demo.dest])
  assert.equal(status, 5, stderr)
  assert.match(stderr, new RegExp(`^error: Cannot read slab "${src}/layers/`))
})

test('verify refuses another model than the one of the migration', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const model = join(dir, 'model.json')
  writeModel(model)
  assert.equal(migrate('--src', src, '--dest', join(dir, 'dest'), '--model', model).status, 0)
  const args = ['verify', '--src', src, '--dest', join(dir, 'dest')]
  const { status, stdout, stderr } = synapseMigrator(args)
  assert.deepEqual([status, stdout], [4, ''])
  assert.match(stderr, /^error: Cannot verify layer \w{32}: its nodes were migrated with another model$/m)
  assert.match(stderr, /^hint: Give the same --model files as the migration was given, in the same order$/m)
  assert.equal(synapseMigrator([...args, '--model', model]).status, 0)
})

function verified(destDir: string): Promise<VerifyReport> {
  const options = { srcDir: demo.src, destDir, sample: null, onlyLayers: [], workers: 1, memoryBytes: 1 << 26, modelFiles: [], checkpointPath: null }
  return verifyMigration(options, { progress: () => undefined, note: () => undefined })
} // biome-ignore format: short

/** Flips one bit; what is returned flips it back. */
function flip(path: string, at: number, bit: number): () => void {
  const change = () => {
    const fd = openSync(path, 'r+')
    const byte = Buffer.alloc(1)
    readSync(fd, byte, 0, 1, at)
    byte[0] ^= 1 << bit
    writeSync(fd, byte, 0, 1, at)
    closeSync(fd)
  }
  change()
  return change
}

function newestMeta(path: string): number {
  const slab = SlabReader.open(path)
  slab.close()
  const fd = openSync(path, 'r')
  const txn = Buffer.alloc(8)
  readSync(fd, txn, 0, 8, PAGE_BYTES + Meta.txnId)
  closeSync(fd)
  return Number(txn.readBigUInt64LE()) === slab.txnId ? 1 : 0
}

function usedBytes(path: string): number {
  const slab = SlabReader.open(path)
  slab.close()
  const fd = openSync(path, 'r')
  const { size } = fstatSync(fd)
  closeSync(fd)
  return Math.min(size, (slab.lastPage + 1) * PAGE_BYTES)
}

function writeModel(path: string): void {
  const fd = openSync(path, 'w')
  writeSync(fd, JSON.stringify({ tagprops: { acme: { typedef: ['int', {}] } } }))
  closeSync(fd)
}

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { encode } from '../../src/bytes/msgpack.js'
import { Checkpoints } from '../../src/dest/checkpoints.js'
import { type MigrateInput, migrate, preflight, verify } from '../../src/index.js'
import { loadLmdb } from '../../src/slab/binding.js'
import { snapshotIfLive } from '../../src/source/live-layers.js'
import { copyCortex, unpack } from '../support/cortex.js'
import { plant, put, rowsOf } from '../support/plant.js'
import { layerDigests } from '../support/row-digest.js'

// What runs do with a destination that is not as the last one left it, and with layers that are left out. Each run gets a
// copy of its own, as a process opens a slab once.
const root = mkdtempSync(join(tmpdir(), 'synapse-migrator-'))
after(() => rmSync(root, { recursive: true, force: true }))
const src = join(root, 'src')
const whole = join(root, 'whole')
const machine = { workers: 1, memoryBytes: 1 << 26 }
/** The main layer, a layer alone, and two forks of the main one. */
const [MAIN, ALONE, SECOND_FORK, FORK] = [
  '0b4eb4d9fb9d979464a52b2b803afb03',
  '0fbc4c20f736e00c4e12db134feaf04c',
  '2509b8f52972b481ad6d8bd538faf9a1',
  'b64b74b3527f791d064f62576bcb3042',
]
let expected: ReturnType<typeof layerDigests>

before(async () => {
  unpack('demo-cortex.tar.gz', src)
  await run(whole)
  expected = layerDigests(whole)
})

test('--from-last makes a finished slab again that was cut or emptied since, and keeps one that was written to', async () => {
  const changed = fresh(whole)
  const slab = (iden: string, name: string) => join(changed, 'layers', iden, `${name}.lmdb`)
  const nodes = join(slab(MAIN, 'layer_v2'), 'data.mdb')
  truncateSync(nodes, 3 * 4096)
  writeFileSync(join(slab(FORK, 'nodeedits'), 'data.mdb'), '')
  plant(slab(SECOND_FORK, 'nodeedits'), [put('nodeedits', Buffer.alloc(8, 0x7f), encode(5))])
  const { dest, said } = await run(fresh(changed), { fromLast: true })
  const again = said.filter((text) => text.endsWith('changed on disk since an earlier run made it, making it again'))
  assert.deepEqual(again.map((text) => text.split(' changed')[0]).sort(), [
    `layer_v2.lmdb of layer ${MAIN}`,
    `nodeedits.lmdb of layer ${FORK}`,
  ])
  const written = `${SECOND_FORK}/nodeedits`
  const digests = layerDigests(dest)
  assert.notDeepEqual(digests[written], expected[written])
  assert.deepEqual({ ...digests, [written]: expected[written] }, expected)
})

test('--skip-layer is the way on for a layer that cannot be read, below forks too', async () => {
  const damaged = fresh(src)
  writeFileSync(join(damaged, 'layers', MAIN, 'layer.lmdb', 'data.mdb'), 'garbage')
  rmSync(join(damaged, 'layers', ALONE, 'layer.lmdb'), { recursive: true })
  const dest = fresh()
  const { summary } = await run(dest, { srcDir: damaged, skipLayers: [MAIN, ALONE] })
  assert.deepEqual(
    summary.layers.map(({ iden }) => iden),
    [SECOND_FORK, FORK],
  )
  const { differenceCount, notCompared } = await verify({ srcDir: damaged, destDir: dest, ...machine })
  assert.deepEqual([differenceCount, notCompared.length], [0, 2])
})

test('--skip-layer keeps a finished layer and says so, and empties an unfinished one, of which no offset is left', async () => {
  const begun = fresh(whole)
  const checkpoints = await Checkpoints.open(begun)
  checkpoints.put(`nodes/${FORK}`, { ...(checkpoints.get(`nodes/${FORK}`) as object), isBuilt: false })
  await checkpoints.close()
  const { dest, summary } = await run(fresh(begun), { fromLast: true, skipLayers: [MAIN, FORK] })
  assert.ok(summary.notes.some((note) => note.startsWith(`Layer ${MAIN} stays as an earlier run has migrated it`)))
  assert.ok(summary.notes.some((note) => note.startsWith(`--skip-layer leaves layer ${FORK} empty`)))
  const digests = layerDigests(dest)
  for (const name of Object.keys(expected).filter((slab) => !slab.startsWith(FORK)))
    assert.deepEqual(digests[name], expected[name], name)
  for (const [slab, db] of [
    ['layer_v2', 'bybuid'],
    ['nodeedits', 'nodeedits'],
  ])
    assert.deepEqual(rowsOf(join(dest, 'layers', FORK, `${slab}.lmdb`), db), [])
  const offsets = readFileSync(join(dest, 'migration', 'lyroffs.yaml'), 'utf8')
  assert.deepEqual([offsets.includes(MAIN), offsets.includes(FORK)], [true, false])
  const { differenceCount, notCompared } = await verify({ srcDir: src, destDir: dest, ...machine })
  assert.deepEqual([differenceCount, notCompared], [0, [`layer ${FORK}, which --skip-layer has left empty`]])
})

test('a layer to skip that the destination has is not emptied unasked', async () => {
  const { problems } = await preflight({ srcDir: src, destDir: whole, ...machine, skipLayers: [MAIN] })
  assert.match(problems.map(({ text }) => text).join('\n'), /finished migration.*nodes of 4 layers/)
})

test('--layer migrates a fork of a running Cortex, and --from-last the rest from the same copies', async () => {
  const live = fresh(src)
  const { open } = await loadLmdb()
  const env = open({ path: join(live, 'layers', MAIN, 'layer.lmdb'), noSubdir: false, maxDbs: 128 })
  const first = fresh()
  try {
    await run(first, { srcDir: live, onlyLayers: [FORK], addMode: 'nexus' })
  } finally {
    await env.close()
  }
  assert.deepEqual(readdirSync(join(first, 'migration', 'snapshot', 'layers')).sort(), [MAIN, ALONE, SECOND_FORK, FORK])
  const { dest } = await run(fresh(first), { srcDir: live, fromLast: true, addMode: 'nexus' })
  assert.deepEqual(layerDigests(dest), expected)
  // The nexus log has a gap where the first run ended.
  assert.equal((await verify({ srcDir: src, destDir: dest, ...machine })).differenceCount, 0)
  assert.equal(existsSync(join(dest, 'migration', 'snapshot')), false)
})

test('copies of an earlier run without the history of a layer are refused, never taken for a layer without one', async () => {
  const dest = fresh()
  const copy = join(dest, 'migration', 'snapshot', 'layers', MAIN)
  unpack('demo-cortex.tar.gz', join(dest, 'migration', 'snapshot'))
  rmSync(join(copy, 'splices.lmdb'), { recursive: true })
  const look = (whole: string[], forms: string[]) =>
    snapshotIfLive(src, { whole, forms }, { destDir: dest, fromLast: true }, () => {})
  await assert.rejects(look([FORK, MAIN], []), /they lack splices\.lmdb of layer 0b4e/)
  await look([FORK], [MAIN])
})

/** A new path, or a copy there. */
function fresh(of?: string): string {
  const dir = join(root, String(readdirSync(root).length))
  return of === undefined ? dir : copyCortex(of, dir)
}

async function run(destDir: string, options: Partial<MigrateInput> = {}) {
  const said: string[] = []
  const summary = await migrate(
    { srcDir: src, destDir, ...machine, ...options },
    { onLog: (_, text) => said.push(text) },
  )
  return { dest: destDir, summary, said }
}

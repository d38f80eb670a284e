import assert from 'node:assert/strict'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readCheckpoints } from '../../src/dest/checkpoints.js'
import { MERGE_STREAMS } from '../../src/migrate/layer-merge.js'
import { SlabReader } from '../../src/page/page-reader.js'
import { calm, finish } from '../support/calm-run.js'
import { migrate, tempDir, unpack } from '../support/cortex.js'
import { plantLock } from '../support/lock.js'
import { PIECES, runInChild, runMigrator } from '../support/migrator.js'
import { layerDigests } from '../support/row-digest.js'

test('a resumed run translates a partition again that no checkpoint vouches for, though its merge has begun', async (t) => {
  const dir = tempDir(t)
  const { srcDir, expected } = await calm
  const options = { srcDir, destDir: join(dir, 'dest'), pieces: PIECES }
  const mergedLayers = () =>
    [...readCheckpoints(options.destDir)].filter(
      ([key, { value, streams }]) =>
        key.startsWith('nodes/') &&
        !(value as { isBuilt: boolean }).isBuilt &&
        streams.some((noted) => (noted as { stream: number }).stream >= MERGE_STREAMS),
    )
  const env = { SHOW_PROGRESS: '' }
  for (let parts = 4; mergedLayers().length === 0; parts++) {
    const { signal, stderr } = await runMigrator(options, {
      env,
      onLog: (text, kill) => {
        for (const [, done] of text.matchAll(/indexes \w+ (\d+)/g)) if (Number(done) >= parts) kill('SIGKILL')
      },
    })
    assert.equal(signal, 'SIGKILL', `no part of a merge was noted: ${stderr}`)
  }
  await runInChild('edit-checkpoint.js', [options.destDir, 'partition'])
  const log = await finish(options, expected, 'a partition forgotten', env)
  const resumed = [...log.matchAll(/Resuming nodes migration from partition [1-9]\d* of \d+ for layer (\w{8})/g)]
  assert.ok(resumed.length > 0, log)
  // What an earlier run did is there when the layer is first shown: it tells nothing of the pace of this one.
  for (const { 1: layer, index } of resumed) {
    const [shown] = log.matchAll(new RegExp(`nodes ${layer} (\\d+)`, 'g'))
    assert.ok(shown.index > index && Number(shown[1]) > 0, log)
  }
})

for (const step of ['nodes', 'splices']) {
  test(`a run that is killed when the slabs of ${step} are finished and no checkpoint says so makes nothing of them again`, async (t) => {
    const dir = tempDir(t)
    const { srcDir, expected } = await calm
    const options = { srcDir, destDir: join(dir, 'dest'), pieces: PIECES }
    const { signal, stderr } = await runMigrator(options, { env: { KILL_BEFORE: `putBuilt ${step}/` } })
    assert.equal(signal, 'SIGKILL', stderr)
    const log = await finish(options, expected, `killed before ${step} are noted as built`)
    assert.doesNotMatch(log, /Redoing/)
  })
}

test('a resumed run whose runs or built pages are gone starts the layer over', async (t) => {
  const dir = tempDir(t)
  const { srcDir, expected } = await calm
  const options = { srcDir, destDir: join(dir, 'dest'), pieces: PIECES }
  let partitions = 0
  const killed = await runMigrator(options, {
    onLog: (_, kill) => {
      const runs = join(options.destDir, 'migration', 'runs')
      partitions = readdirs(runs).flatMap((iden) => readdirs(join(runs, iden))).length
      if (partitions > 4) kill('SIGKILL')
    },
  })
  const runs = join(options.destDir, 'migration', 'runs')
  for (const iden of readdirs(runs)) {
    for (const run of readdirs(join(runs, iden)).slice(0, 1)) writeFileSync(join(runs, iden, run), '')
  }
  assert.equal(killed.signal, 'SIGKILL', `it ended before it had five runs: ${killed.stderr}`)
  // An emptied run is noticed and made again, never merged as if it held nothing.
  await finish(options, expected, 'a run emptied')
  const again = await runMigrator(options)
  assert.ok(again.summary !== undefined, again.stderr)
  assert.deepEqual(layerDigests(options.destDir), expected)
})

test('--from-last changes nothing when everything is done, and refuses another source, model or options with exit code 9', (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  const args = ['--src', src, '--dest', dest, '--workers', '1']
  assert.equal(migrate(...args).status, 8)
  const expected = layerDigests(dest)
  const slabs = () => {
    const files = readdirSync(join(dest, 'layers'), { recursive: true, encoding: 'utf8' }).sort()
    return files.map((file) => [file, statSync(join(dest, 'layers', file)).mtimeMs])
  }
  const before = slabs()
  assert.equal(migrate(...args, '--from-last').status, 8)
  assert.deepEqual(slabs(), before)

  const model = join(dir, 'model.json')
  writeFileSync(model, JSON.stringify({ types: {}, forms: {}, tagprops: { acme: { typedef: ['int', {}] } } }))
  const layers = readdirSync(join(src, 'layers'))
  const layer = join(src, 'layers', layers[0], 'layer.lmdb', 'data.mdb')
  for (const [what, more, named] of [
    ['options', ['--safety-off'], 'checks (true, now false)'],
    ['options', ['--no-map-partial'], 'partial nodes (true, now false)'],
    ['options', ['--model', model], 'model ('],
    ['source', [], 'layer.lmdb (transaction '],
  ] as const) {
    if (what === 'source') raiseTransaction(layer)
    const { status, stderr } = migrate(...args, '--from-last', ...more)
    assert.equal(status, 9, `${what}: ${stderr}`)
    assert.match(stderr, /error: Cannot resume layer "[0-9a-f]{32}": it was started with another /)
    assert.ok(stderr.includes(named), stderr)
    assert.match(stderr, /hint: Use the source and the options of the first run/)
  }
  assert.deepEqual(layerDigests(dest), expected)
})

test('a second run to the same destination is refused with exit code 10 while the first one lives, and only then', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  const lock = join(dest, 'migration', 'run.lock')
  plantLock(lock)
  const refused = migrate('--src', src, '--dest', dest)
  assert.equal(refused.status, 10, refused.stderr)
  assert.match(refused.stderr, new RegExp(`error: Cannot migrate to ".*": process ${process.pid} is migrating to it`))
  // One that is gone, at once; one of another host, which cannot be seen, after a look at its heartbeat.
  for (const stale of [{ startTicks: '5' }, { host: 'other', bootId: 'other' }]) {
    plantLock(lock, stale)
    const { status, stderr } = migrate('--src', src, '--dest', dest, '--restart')
    assert.ok(status === 0 || status === 8, `${JSON.stringify(stale)}: ${stderr}`)
    const watched = /names process \d+ on host "other", which cannot be seen from here: watching for 10 s/
    assert.equal(watched.test(stderr), stale.host === 'other', stderr)
    assert.equal(existsSync(lock), false)
  }
})

function readdirs(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch {
    return []
  }
}

/** Makes a slab look as if somebody had committed to it: both meta pages count on. */
function raiseTransaction(path: string): void {
  const slab = SlabReader.open(path)
  slab.close()
  const txnId = Buffer.alloc(8)
  txnId.writeBigUInt64LE(BigInt(slab.txnId + 2))
  const fd = openSync(path, 'r+')
  const first = Number(readFileSync(path).subarray(144, 152).readBigUInt64LE())
  writeSync(fd, txnId, 0, 8, (first === slab.txnId ? 0 : slab.pageSize) + 144)
  closeSync(fd)
}

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { Slab } from '../../src/slab/slab.js'

const dir = mkdtempSync(join(tmpdir(), 'slab-'))
after(() => rmSync(dir, { recursive: true }))

const slabModule = new URL('../../src/slab/slab.js', import.meta.url).href

test('Slab.open() makes a missing slab and its options file', async () => {
  const path = join(dir, 'made', 'new.lmdb')
  const slab = await Slab.open(path)
  assert.ok(existsSync(join(path, 'data.mdb')))
  assert.equal(readFileSync(join(dir, 'made', 'new.opts.yaml'), 'latin1'), '--- {}\n...\n')
  await slab.close()
})

test('Slab.open() keeps an options file that is there', async () => {
  writeFileSync(join(dir, 'kept.opts.yaml'), '---\ngrowsize: 7\n...\n')
  const slab = await Slab.open(join(dir, 'kept.lmdb'))
  assert.equal(readFileSync(join(dir, 'kept.opts.yaml'), 'latin1'), '---\ngrowsize: 7\n...\n')
  await slab.close()
})

test('Db rows survive the process, in key order, with all duplicates and keys that start with NUL', async () => {
  const path = join(dir, 'rows.lmdb')
  const slab = await Slab.open(path)
  const plain = slab.db('plain')
  const dups = slab.db('dups', { dupSort: true })
  slab.write(() => {
    plain.put(bytes('01'), bytes('aa'))
    plain.put(bytes('00'), bytes('bb'))
    plain.put(bytes('0000'), bytes(''))
    dups.put(bytes('61'), bytes('02'))
    dups.put(bytes('61'), bytes('01'))
    dups.put(bytes('61'), bytes('02'))
  })
  assert.deepEqual(hexRows(plain.rows()), ['00=bb', '0000=', '01=aa'])
  assert.deepEqual(hexRows(dups.rows()), ['61=01', '61=02'])
  assert.deepEqual([plain.entries, dups.entries], [3, 2])
  assert.deepEqual(slab.dbNames(), ['dups', 'plain'])
  assert.equal(Buffer.from(plain.last()?.key ?? []).toString('hex'), '01')
  await slab.close()
  const code = `import { Slab } from ${JSON.stringify(slabModule)}
    const slab = await Slab.open(${JSON.stringify(path)})
    const row = ({ key, value }) => Buffer.from(key).toString('hex') + '=' + Buffer.from(value).toString('hex')
    console.log([...slab.db('plain').rows(), ...slab.db('dups', { dupSort: true }).rows()].map(row).join(' '))`
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' })
  assert.equal(child.stdout.trim(), '00=bb 0000= 01=aa 61=01 61=02', child.stderr)
})

test('Slab.write() keeps nothing of an action that throws', async () => {
  const slab = await Slab.open(join(dir, 'abort.lmdb'))
  const db = slab.db('db')
  slab.write(() => db.put(bytes('01'), bytes('01')))
  assert.throws(
    () =>
      slab.write(() => {
        db.put(bytes('02'), bytes('02'))
        db.delete(bytes('01'))
        throw new Error('stop')
      }),
    { message: 'stop' },
  )
  assert.deepEqual(hexRows(db.rows()), ['01=01'])
  slab.write(() => db.put(bytes('03'), bytes('03')))
  assert.deepEqual(hexRows(db.rows()), ['01=01', '03=03'])
  await slab.close()
})

test('Db.put() refuses keys and duplicate values above 511 bytes, which Synapse could not read', async () => {
  const slab = await Slab.open(join(dir, 'limits.lmdb'))
  const plain = slab.db('plain')
  const dups = slab.db('dups', { dupSort: true })
  slab.write(() => {
    plain.put(Buffer.alloc(511, 1), Buffer.alloc(5000))
    dups.put(bytes('01'), Buffer.alloc(511))
  })
  assert.throws(() => slab.write(() => plain.put(Buffer.alloc(512), bytes('01'))), { code: 'ERR_DEST', message: /512/ })
  assert.throws(() => slab.write(() => plain.put(bytes(''), bytes('01'))), { code: 'ERR_DEST' })
  assert.throws(() => slab.write(() => dups.put(bytes('01'), Buffer.alloc(512))), { code: 'ERR_DEST', message: /512/ })
  assert.throws(() => plain.put(bytes('01'), bytes('01')), { code: 'ERR_INTERNAL' })
  assert.deepEqual([plain.entries, dups.entries], [1, 1])
  await slab.close()
})

test('Slab.write() reports a full map, which lmdb tells only at commit', async () => {
  const path = join(dir, 'full.lmdb')
  const slab = await Slab.open(path, { mapBytes: 2 ** 20 })
  const db = slab.db('db')
  const big = Buffer.alloc(2 ** 18)
  const fill = () => slab.write(() => { for (let i = 0; i < 5; i++) db.put(Buffer.from([i]), big) }) // biome-ignore format: short
  assert.throws(fill, { code: 'ERR_DEST', message: /^Cannot write to slab ".*full\.lmdb": / })
  assert.equal(db.entries, 0)
  await slab.close()
})

test('Slab.open() refuses a slab that this process has opened, in any thread', async () => {
  const path = join(dir, 'twice.lmdb')
  const slab = await Slab.open(path)
  await assert.rejects(Slab.open(path), { code: 'ERR_INTERNAL', message: /twice/ })
  const code = `import { parentPort } from 'node:worker_threads'
    import { Slab } from ${JSON.stringify(slabModule)}
    Slab.open(${JSON.stringify(path)}).then(() => 'opened', (err) => err.message).then((text) => parentPort.postMessage(text))`
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`))
  const answer = await new Promise((resolve) => worker.once('message', resolve))
  assert.match(String(answer), /twice/)
  await worker.terminate()
  await slab.close()
  await assert.rejects(Slab.open(path), { code: 'ERR_INTERNAL' })
})

function bytes(hex: string): Uint8Array {
  return Buffer.from(hex, 'hex')
}

function hexRows(rows: Iterable<{ key: Uint8Array; value: Uint8Array }>): string[] {
  return [...rows].map(({ key, value }) => `${Buffer.from(key).toString('hex')}=${Buffer.from(value).toString('hex')}`)
}

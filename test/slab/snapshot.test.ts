import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { SlabReader } from '../../src/page/page-reader.js'
import { Slab } from '../../src/slab/slab.js'
import { copySmall } from '../../src/slab/small-copy.js'
import { snapshotGroups, snapshotSlabs } from '../../src/slab/snapshot.js'
import { tempDir, unpack } from '../support/cortex.js'

/** MDB_txbody: two words of 4 bytes, and a mutex of 40 bytes (glibc and musl on 64 bits), or of 48 (glibc on arm64). */
const TXN_ID_AT = process.arch === 'arm64' ? 56 : 48
const slabModule = new URL('../../src/slab/slab.js', import.meta.url).href

test('snapshotSlabs() copies all rows compactly and leaves the sources byte for byte as they were', async (t) => {
  const srcDir = unpack('bad/intact/src.tar.gz', tempDir(t))
  const dest = tempDir(t)
  const names = ['cell', 'queues', 'prov']
  const sources = names.map((name) => join(srcDir, 'slabs', `${name}.lmdb`))
  const before = sources.map(digest)
  const snapshots = await snapshotSlabs(
    names.map((name, i) => ({ source: sources[i], dest: join(dest, `${name}.lmdb`) })),
  )
  assert.deepEqual(sources.map(digest), before)
  for (const [i, snapshot] of snapshots.entries()) {
    assert.deepEqual(readdirSync(snapshot.dest), ['data.mdb'])
    assert.deepEqual(allRows(snapshot.dest), allRows(sources[i]))
    assert.equal(snapshot.rows, allRows(sources[i]).length)
    assert.equal(snapshot.bytes, statSync(join(snapshot.dest, 'data.mdb')).size)
  }
})

test('a small slab is copied as LMDB copies it, whatever is in it', async (t) => {
  const dir = tempDir(t)
  const source = join(dir, 'small.lmdb')
  // LMDB keeps a slab open until the process ends.
  const code = `import { Slab } from ${JSON.stringify(slabModule)}
    const slab = await Slab.open(${JSON.stringify(source)})
    const [plain, dups] = [slab.db('plain'), slab.db('dups', { dupSort: true })]
    slab.db('empty')
    slab.write(() => {
      for (let i = 0; i < 300; i++) plain.put(Buffer.from('key ' + i), Buffer.alloc(i % 50 === 0 ? 9000 : i, i))
      for (let i = 0; i < 900; i++) dups.put(Buffer.from('key ' + (i % 3 === 0 ? 0 : i)), Buffer.alloc(20, i + ' '))
    })`
  assert.equal(spawnSync(process.execPath, ['--input-type=module', '-e', code], { stdio: 'inherit' }).status, 0)
  const job = { source, dest: join(dir, 'copy.lmdb') }
  const copied = copySmall(job)
  assert.ok(copied !== null && !existsSync(`${job.dest}.partial`))
  const [byLmdb] = await snapshotSlabs([{ source, dest: join(dir, 'lmdb.lmdb'), registered: true }])
  assert.equal(copied.rows, byLmdb.rows)
  assert.deepEqual(allRows(copied.dest), allRows(byLmdb.dest))
  assert.deepEqual(namesOf(copied.dest), ['dups', 'empty', 'plain'])
  assert.equal(statSync(join(copied.dest, 'data.mdb')).mode, statSync(join(byLmdb.dest, 'data.mdb')).mode & ~0o77)
  const again = await Slab.open(copied.dest)
  again.write(() => again.db('plain').put(Buffer.from('key'), Buffer.alloc(3000)))
  assert.equal(again.db('plain').entries, 301)
  await again.close()
})

test('LMDB copies what is in use', async (t) => {
  const dir = tempDir(t)
  const source = join(dir, 'used.lmdb')
  const slab = await Slab.open(source)
  const db = slab.db('a')
  slab.write(() => db.put(Buffer.from('key'), Buffer.alloc(1)))
  assert.equal(copySmall({ source, dest: join(dir, 'copy.lmdb') }), null)
  await slab.close()
  assert.deepEqual(readdirSync(dir).sort(), ['used.lmdb', 'used.opts.yaml'])
})

test('snapshotSlabs() takes one state of a slab that another process writes to', async (t) => {
  const dir = tempDir(t)
  const source = join(dir, 'live.lmdb')
  // Both dbs get the same number in every commit, and old pages are freed for reuse all the time.
  const code = `import { Slab } from ${JSON.stringify(slabModule)}
    const slab = await Slab.open(${JSON.stringify(source)})
    const [a, b] = [slab.db('a'), slab.db('b')]
    for (let i = 0; ; i++) {
      slab.write(() => { for (const db of [a, b]) for (let k = 0; k < 40; k++) db.put(Buffer.from([k]), Buffer.alloc(1500, i % 251)) })
      if (i === 3) console.log('ready')
      await new Promise((resolve) => setTimeout(resolve, 1))
    }`
  const writer = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    await new Promise((resolve) => writer.stdout.once('data', resolve))
    for (let i = 0; i < 3; i++) {
      const dest = join(dir, `copy${i}.lmdb`)
      const [{ rows }] = await snapshotSlabs([{ source, dest }])
      assert.equal(rows, 80)
      assert.equal(new Set(allRows(dest).map((row) => row.split('=')[1])).size, 1)
    }
  } finally {
    writer.kill()
    await new Promise((resolve) => writer.once('exit', resolve))
  }
})

test('snapshotSlabs() copies a slab whose writer has written a meta page and still syncs it', async (t) => {
  const dir = tempDir(t)
  const source = join(dir, 'live.lmdb')
  const code = `import { Slab } from ${JSON.stringify(slabModule)}
    const slab = await Slab.open(${JSON.stringify(source)})
    const db = slab.db('a')
    for (let k = 0; k < 5; k++) slab.write(() => db.put(Buffer.from([k]), Buffer.alloc(1500)))
    console.log('ready')
    setInterval(() => undefined, 1000)`
  const writer = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    await once(writer.stdout, 'data')
    // The lock file is told last: LMDB's readers take the commit before.
    const rows = countOfRows(source)
    tellLockFile(join(source, 'lock.mdb'), (txnId) => txnId - 1n)
    const [snapshot] = await snapshotSlabs([{ source, dest: join(dir, 'copy.lmdb') }])
    assert.deepEqual([rows, snapshot.rows, countOfRows(snapshot.dest)], [5, 4, 4])
  } finally {
    writer.kill()
    await once(writer, 'exit')
  }
})

test('snapshotSlabs() reports a slab that cannot be copied and leaves nothing half-made', async (t) => {
  const source = join(unpack('bad/intact/src.tar.gz', tempDir(t)), 'slabs', 'cell.lmdb')
  const dest = join(tempDir(t), 'cell.lmdb')
  const data = join(source, 'data.mdb')
  truncateSync(data, 3 * 4096)
  await assert.rejects(snapshotSlabs([{ source, dest }]), /^MigrationError: Cannot (copy|read) slab/)
  assert.ok(!existsSync(dest) && !existsSync(`${dest}.partial`))
  const fd = openSync(data, 'r+')
  writeSync(fd, Buffer.alloc(8192))
  closeSync(fd)
  await assert.rejects(snapshotSlabs([{ source, dest }]), { code: 'ERR_SLAB_CORRUPT' })
  await assert.rejects(snapshotSlabs([{ source: join(source, 'absent.lmdb'), dest }]), { code: 'ERR_SOURCE' })
})

test('snapshotGroups() tells of each group when its slabs are copied, whatever becomes of the next one', async (t) => {
  const srcDir = unpack('bad/intact/src.tar.gz', tempDir(t))
  const dest = tempDir(t)
  const job = (name: string) => ({ source: join(srcDir, 'slabs', name), dest: join(dest, name) })
  const [first, none, second] = snapshotGroups([
    [job('cell.lmdb'), job('queues.lmdb')],
    [],
    [job('absent.lmdb'), job('prov.lmdb')],
  ])
  assert.deepEqual(
    (await first).map((snapshot) => snapshot.dest),
    [join(dest, 'cell.lmdb'), join(dest, 'queues.lmdb')],
  )
  assert.deepEqual(await none, [])
  await assert.rejects(second, { code: 'ERR_SOURCE' })
  assert.ok(existsSync(join(dest, 'prov.lmdb', 'data.mdb')))
})

test('snapshotSlabs() tells why the process that copies cannot be started, as any other failure', async (t) => {
  const source = join(unpack('bad/intact/src.tar.gz', tempDir(t)), 'slabs', 'cell.lmdb')
  const jobs = ['one', 'two'].map((name) => ({ source, dest: join(tempDir(t), name), registered: true }))
  const { execPath } = process
  t.after(() => {
    process.execPath = execPath
  })
  process.execPath = join(tempDir(t), 'none')
  await assert.rejects(snapshotSlabs(jobs), { code: 'ENOENT', syscall: `spawn ${process.execPath}` })
  const [first, second] = snapshotGroups(jobs.map((job) => [job]))
  await assert.rejects(first, { code: 'ENOENT' })
  await assert.rejects(second, { code: 'ENOENT' })
})

test('the process that copies slabs writes nothing once who started it is gone', async (t) => {
  const source = join(unpack('bad/intact/src.tar.gz', tempDir(t)), 'slabs', 'cell.lmdb')
  const dir = tempDir(t)
  const child = spawn(process.execPath, [fileURLToPath(new URL('../../src/slab/snapshot-process.js', import.meta.url))])
  child.stdin.end(`${JSON.stringify([{ source, dest: join(dir, 'cell.lmdb') }])}\n`)
  const [, signal] = await once(child, 'close')
  assert.equal(signal, 'SIGKILL')
  assert.deepEqual(readdirSync(dir), [])
})

function digest(slabPath: string): string {
  assert.deepEqual(readdirSync(slabPath), ['data.mdb'])
  return createHash('sha256')
    .update(readFileSync(join(slabPath, 'data.mdb')))
    .digest('hex')
}

function namesOf(slabPath: string): string[] {
  const slab = SlabReader.open(slabPath)
  try {
    return slab.dbNames()
  } finally {
    slab.close()
  }
}

function allRows(slabPath: string): string[] {
  const slab = SlabReader.open(slabPath)
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
  const rows = slab.dbNames().flatMap((name) => {
    return [...(slab.db(name)?.rows() ?? [])].map(({ key, value }) => `${name}:${hex(key)}=${hex(value)}`)
  })
  slab.close()
  return rows
}

function countOfRows(slabPath: string): number {
  return allRows(slabPath).length
}

/** Changes the id of the newest transaction in a lock file: behind magic, format and a mutex. */
function tellLockFile(path: string, change: (txnId: bigint) => bigint): void {
  const fd = openSync(path, 'r+')
  const head = Buffer.alloc(64)
  readSync(fd, head, 0, head.length, 0)
  head.writeBigUInt64LE(change(head.readBigUInt64LE(TXN_ID_AT)), TXN_ID_AT)
  writeSync(fd, head, TXN_ID_AT, 8, TXN_ID_AT)
  closeSync(fd)
}

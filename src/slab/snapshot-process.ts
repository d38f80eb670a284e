/** The process that `snapshotSlabs()` starts: jobs come as JSON on stdin, a line of JSON goes out for each. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { MigrationError } from '../errors.js'
import { SlabReader } from '../page/page-reader.js'
import { loadLmdb } from './binding.js'
import type { SnapshotAnswer, SnapshotJob } from './snapshot.js'

const MAX_DBS = 256

const jobs = JSON.parse(await text(process.stdin)) as SnapshotJob[]
for (const job of jobs) answer(await snapshot(job))

function answer(message: SnapshotAnswer): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

async function snapshot(job: SnapshotJob): Promise<SnapshotAnswer> {
  const partial = `${job.dest}.partial`
  try {
    rmSync(partial, { recursive: true, force: true })
    const rows = await copy(job, partial)
    if (rows === null) {
      rmSync(partial, { recursive: true })
      return { again: true }
    }
    mkdirSync(job.dest, { recursive: true })
    renameSync(join(partial, 'data.mdb'), join(job.dest, 'data.mdb'))
    rmSync(partial, { recursive: true })
    return { ok: { ...job, rows, bytes: statSync(join(job.dest, 'data.mdb')).size } }
  } catch (error) {
    rmSync(partial, { recursive: true, force: true })
    if (error instanceof MigrationError) return { fail: { code: error.code, message: error.message, hint: error.hint } }
    const message = `Cannot copy slab "${job.source}" to "${job.dest}": ${(error as Error).message}`
    return { fail: { code: 'ERR_SOURCE', message, hint: 'check the slab, and the free space of the destination' } }
  }
}

/** Copies one state of a slab and returns how many rows all its dbs have; null when that was not possible unregistered. */
async function copy({ source, registered }: SnapshotJob, dest: string): Promise<number | null> {
  // A reader that is registered in the source's own lock file: its writer leaves our pages alone.
  if (registered === true || isOpenElsewhere(source))
    return (await copyAndCompare(source, source, dest)) ?? countRows(dest)
  // A directory of our own with a link to the data: LMDB makes its lock file there, and the source stays as it is.
  const own = mkdtempSync(join(tmpdir(), 'snapshot-'))
  try {
    symlinkSync(resolve(source, 'data.mdb'), join(own, 'data.mdb'))
    return await copyAndCompare(source, own, dest)
  } finally {
    rmSync(own, { recursive: true })
  }
}

/** Null when the source was written to meanwhile, else the number of rows, which both sides agree on. */
async function copyAndCompare(source: string, envPath: string, dest: string): Promise<number | null> {
  const before = SlabReader.open(source)
  try {
    const lmdb = await loadLmdb()
    const mapSize = Math.max(statSync(join(source, 'data.mdb')).size, 2 ** 20)
    const options = { noSubdir: false, readOnly: true, maxDbs: MAX_DBS, mapSize, encoding: 'binary' } as const
    const env = lmdb.open({ path: envPath, ...options })
    mkdirSync(dest, { recursive: true })
    await env.backup(dest, true)
    await env.close()
    syncFile(join(dest, 'data.mdb'))
    if (hasChanged(before)) return null
    const found = entriesOf(dest)
    if (JSON.stringify([...found]) !== JSON.stringify([...dbEntries(before)])) {
      throw new MigrationError('ERR_SLAB_CORRUPT', `Cannot copy slab "${source}": the copy has other row counts`, {
        hint: 'the slab is damaged: restore it from a backup',
      })
    }
    return sum(found)
  } finally {
    before.close()
  }
}

function countRows(path: string): number {
  return sum(entriesOf(path))
}

function entriesOf(path: string): Map<string, number> {
  const slab = SlabReader.open(path)
  try {
    return dbEntries(slab)
  } finally {
    slab.close()
  }
}

function dbEntries(slab: SlabReader): Map<string, number> {
  return new Map(slab.dbNames().map((name) => [name, slab.db(name)?.entries ?? 0]))
}

function sum(entries: Map<string, number>): number {
  return [...entries.values()].reduce((total, count) => total + count, 0)
}

function hasChanged(slab: SlabReader): boolean {
  try {
    slab.assertUnchanged()
    return false
  } catch {
    return true
  }
}

/** Every process that has an LMDB environment open holds a lock on its lock file; inode numbers are enough for a guess. */
function isOpenElsewhere(slabPath: string): boolean {
  const lockPath = join(slabPath, 'lock.mdb')
  if (!existsSync(lockPath) || !existsSync('/proc/locks')) return false
  const inode = String(statSync(lockPath).ino)
  const lines = readFileSync('/proc/locks', 'utf8').split('\n')
  return lines.some((line) => /^\d+: (POSIX|OFDLCK) /.test(line) && line.split(/\s+/)[5]?.split(':')[2] === inode)
}

function syncFile(path: string): void {
  const fd = openSync(path, 'r')
  fsyncSync(fd)
  closeSync(fd)
}

/** The process that `snapshotSlabs()` starts. Jobs come as one line of JSON on stdin; each result is a line of JSON. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setImmediate } from 'node:timers/promises'
import { MigrationError } from '../errors.js'
import { keepCode } from '../file/compiled-code.js'
import type { SlabReader } from '../page/page-reader.js'
import { walkSlab } from '../page/page-walker.js'
import { loadLmdb } from './binding.js'
import { isInUse } from './in-use.js'
import { readSettled } from './read-settled.js'
import type { SnapshotAnswer } from './snapshot.js'
import type { SnapshotJob } from './snapshot-job.js'

const MAX_DBS = 256
/**
 * A migration opens only slabs far smaller than this through LMDB. An axon's slabs may be huge, but we only copy them.
 */
const MOST_WALKED_BYTES = 2 ** 30

void copyAll()

async function copyAll(): Promise<void> {
  const stdin = createInterface(process.stdin)
  const jobs = JSON.parse(await new Promise<string>((resolve) => stdin.once('line', resolve))) as SnapshotJob[]
  // The parent is gone, and another process may already be writing to the destination. A kill, because exit() would wait
  // for the copy to end.
  stdin.once('close', () => process.kill(process.pid, 'SIGKILL'))
  for (const job of jobs) answer(await snapshot(job))
  stdin.removeAllListeners('close')
  process.stdin.destroy()
  keepCode()
}

function answer(message: SnapshotAnswer): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

async function snapshot(job: SnapshotJob): Promise<SnapshotAnswer> {
  const partial = `${job.dest}.partial`
  try {
    await loadLmdb()
    await whileAsked()
    rmSync(partial, { recursive: true, force: true })
    const rows = await copy(job, partial)
    if (rows === null) {
      rmSync(partial, { recursive: true })
      return { again: true }
    }
    await whileAsked()
    mkdirSync(job.dest, { recursive: true })
    renameSync(join(partial, 'data.mdb'), join(job.dest, 'data.mdb'))
    rmSync(partial, { recursive: true })
    return { ok: { ...job, rows, bytes: statSync(join(job.dest, 'data.mdb')).size } }
  } catch (error) {
    rmSync(partial, { recursive: true, force: true })
    if (error instanceof MigrationError) return { fail: { code: error.code, message: error.message, hint: error.hint } }
    const message = `Cannot copy slab "${job.source}" to "${job.dest}": ${(error as Error).message}`
    // LMDB gives the system's message without its code.
    const isDest = /No space left|File too large|Disk quota|Input\/output error|ENOSPC|EFBIG|EDQUOT|EIO|EROFS/.test(
      message,
    )
    const hint = isDest ? 'check the disk of the destination and its free space' : 'check the slab, and its permissions'
    return { fail: { code: isDest ? 'ERR_DEST' : 'ERR_SOURCE', message, hint } }
  }
}

/** Lets the event loop notice the end of stdin, which ends this process before it writes anything more. */
async function whileAsked(): Promise<void> {
  await setImmediate()
  await setImmediate()
}

/**
 * Copies one state of a slab and returns the number of rows of all its dbs; null when that takes a registered reader.
 */
async function copy({ source, registered }: SnapshotJob, dest: string): Promise<number | null> {
  // A reader registered in the source's own lock file: the writer then leaves our pages alone.
  const shared = registered === true || isInUse(source)
  const envPath = shared ? source : linkTo(source, dest)
  const before = stateOf(source)
  try {
    await backup(source, envPath, dest)
  } catch (error) {
    if (!shared && stateOf(source)?.txnId !== before?.txnId) return null
    throw error
  }
  const after = stateOf(source)
  const isSettled = before !== null && before.txnId === after?.txnId
  if (!shared && !isSettled) return null
  const copied = readSettled(dest, entriesOf)
  // A reader gets the newest commit whose writer has also told the lock file of it, and the writer syncs the meta page
  // between the two: of a slab in use, the copy may be one commit older than the file, and soundness must do.
  if (!shared && JSON.stringify([...copied]) !== JSON.stringify([...(before?.entries ?? [])])) {
    throw new MigrationError('ERR_SLAB_CORRUPT', `Cannot copy slab "${source}": the copy has other row counts`, {
      hint: 'the slab is damaged: restore it from a backup',
    })
  }
  refuseDamage(source, dest)
  return sum(copied)
}

/**
 * A directory of our own with a link to the data. LMDB puts its lock file there, so the source stays unchanged. It is
 * next to the copy because nothing else may be writable: in containers, the root with /tmp is often read-only.
 */
function linkTo(source: string, dest: string): string {
  const own = join(dest, 'link')
  mkdirSync(own, { recursive: true })
  symlinkSync(resolve(source, 'data.mdb'), join(own, 'data.mdb'))
  return own
}

/** LMDB copies pages unchecked, and opening a damaged copy may crash the process. */
function refuseDamage(source: string, copy: string): void {
  if (statSync(join(copy, 'data.mdb')).size > MOST_WALKED_BYTES) return
  const [complaint] = walkSlab(copy).complaints
  if (complaint === undefined) return
  throw new MigrationError('ERR_SLAB_CORRUPT', `Cannot copy slab "${source}": ${complaint}`, {
    hint: 'the slab is damaged: restore it from a backup',
  })
}

async function backup(source: string, envPath: string, dest: string): Promise<void> {
  const lmdb = await loadLmdb()
  const fileBytes = statSync(join(source, 'data.mdb')).size
  // A slab in use may grow before LMDB looks at it, and a map that is too small is an error.
  const mapSize = envPath === source ? 2 * fileBytes + 2 ** 30 : Math.max(fileBytes, 2 ** 20)
  const options = { noSubdir: false, readOnly: true, maxDbs: MAX_DBS, mapSize, encoding: 'binary' } as const
  const env = lmdb.open({ path: envPath, ...options })
  mkdirSync(dest, { recursive: true })
  await env.backup(dest, true)
  await env.close()
  syncFile(join(dest, 'data.mdb'))
}

/** Null when the slab changes too often to read it. */
function stateOf(path: string): { txnId: number; entries: Map<string, number> } | null {
  try {
    return readSettled(path, (slab) => ({ txnId: slab.txnId, entries: entriesOf(slab) }))
  } catch (error) {
    if (error instanceof MigrationError && error.code === 'ERR_SOURCE_CHANGED') return null
    throw error
  }
}

function entriesOf(slab: SlabReader): Map<string, number> {
  return new Map(slab.dbNames().map((name) => [name, slab.db(name)?.entries ?? 0]))
}

function sum(entries: Map<string, number>): number {
  return [...entries.values()].reduce((total, count) => total + count, 0)
}

function syncFile(path: string): void {
  const fd = openSync(path, 'r')
  fsyncSync(fd)
  closeSync(fd)
}

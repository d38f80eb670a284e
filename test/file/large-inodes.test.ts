import assert from 'node:assert/strict'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { afterEach, test } from 'node:test'
import { SlabFileBuilder } from '../../src/page/slab-file-builder.js'
import { isInUse } from '../../src/slab/in-use.js'
import { Slab } from '../../src/slab/slab.js'
import { copiedFiles } from '../../src/source/copied-files.js'
import { tempDir } from '../support/fixture.js'

/** Some file systems give numbers that no JavaScript number holds. */
const INODE = 2n ** 60n + 1n
const { statSync, readFileSync } = fs

/** Files of these names have large inode numbers, one after the other, and what the kernel tells of open ones is this. */
function pretend(names: readonly string[], proc: string | null = null, told = ''): void {
  const stat = (path: string | Buffer, options?: fs.StatOptions) => {
    const stats = statSync(path, options)
    const at = names.findIndex((name) => String(path).endsWith(name))
    if (stats === undefined || at < 0) return stats
    const inode = INODE + BigInt(at)
    return Object.assign(stats, { ino: options?.bigint === true ? inode : Number(inode) })
  }
  const read = (path: string, ...rest: never[]) => (path === proc ? told : readFileSync(path, ...rest))
  Object.assign(fs, { statSync: stat, readFileSync: read })
  syncBuiltinESMExports()
}

afterEach(() => {
  Object.assign(fs, { statSync, readFileSync })
  syncBuiltinESMExports()
})

test('a slab is seen to be in use whose lock file has an inode number of 64 bits, and not one with the next number', () => {
  const dir = tempDir()
  fs.writeFileSync(join(dir, 'lock.mdb'), '')
  const lock = (inode: bigint) => `1: POSIX  ADVISORY  READ 1234 00:2f:${inode} 1 1\n`
  pretend(['lock.mdb'], '/proc/locks', lock(INODE))
  assert.equal(isInUse(dir), true)
  pretend(['lock.mdb'], '/proc/locks', lock(INODE - 1n))
  assert.equal(isInUse(dir), false)
})

test('Slab.open() refuses a slab that another thread has open, whatever its inode number', async () => {
  const path = join(tempDir(), 'cell.lmdb')
  SlabFileBuilder.create(path).finish()
  const map = `7f0000000000-7f0040000000 r--s 00000000 00:2f ${INODE} ${path}/data.mdb\n`
  pretend(['data.mdb'], '/proc/self/maps', map)
  await assert.rejects(Slab.open(path), /is opened twice in one process/)
})

test('copiedFiles() takes no directory for the one that it lies in, though their inode numbers are neighbors of 64 bits', () => {
  const dir = tempDir()
  fs.mkdirSync(join(dir, 'axon', 'blobs'), { recursive: true })
  fs.writeFileSync(join(dir, 'axon', 'blobs', 'one'), '')
  pretend(['axon', 'blobs'])
  const found = [...copiedFiles(dir)].map(({ kind, path }) => [kind, path.toString()])
  assert.deepEqual(found, [
    ['directory', join(dir, 'axon')],
    ['directory', join(dir, 'axon', 'blobs')],
    ['file', join(dir, 'axon', 'blobs', 'one')],
  ])
})

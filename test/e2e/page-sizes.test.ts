import assert from 'node:assert/strict'
import { closeSync, existsSync, openSync, readdirSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { SlabReader } from '../../src/page/page-reader.js'
import { walkSlab } from '../../src/page/page-walker.js'
import { snapshotSlabs } from '../../src/slab/snapshot.js'
import { migrate, tempDir, unpack } from '../support/cortex.js'
import { dumpCortex } from '../support/dump.js'

/** LMDB takes the page size of the machine, and makes none above 32 KiB. */
const SIZES = [
  [8192, 'pages-8k'],
  [32_768, 'pages-32k'],
] as const

test('sources whose slabs have pages of 8 and 32 KiB give what one of 4 KiB gives, and verify agrees', (t) => {
  const dir = tempDir(t)
  const usual = unpack('bad/intact/src.tar.gz', join(dir, 'usual'))
  assert.equal(migrate('--src', usual, '--dest', join(dir, 'dest')).status, 0)
  for (const [bytes, name] of SIZES) {
    const src = unpack(`source/${name}.tar.gz`, join(dir, name))
    for (const slab of slabsIn(src)) assert.equal(pageBytesOf(slab), bytes, slab)
    const dest = join(dir, `dest-${name}`)
    const { status, stdout } = migrate('--src', src, '--dest', dest, '--verify')
    assert.deepEqual([status, /\nNo differences/.test(stdout)], [0, true], stdout)
    assert.deepEqual(rowsOf(dest), rowsOf(join(dir, 'dest')), name)
  }
})

test('a Cortex of 0.1.58 on a machine with pages of 16 KiB is migrated', (t) => {
  const src = unpack('source/pages-16k.tar.gz', tempDir(t))
  const { status, stdout } = migrate('--src', src, '--dest', join(tempDir(t), 'dest'), '--verify')
  assert.deepEqual([status, /\nNo differences/.test(stdout)], [0, true], stdout)
  assert.match(stdout, /7 of 7 nodes, 3 of 3 nodedata/)
})

test('snapshotSlabs() copies slabs of any page size, of a running Cortex too, and walkSlab() finds damage in them', async (t) => {
  const dir = tempDir(t)
  for (const [bytes, name] of SIZES) {
    const slabs = slabsIn(unpack(`source/${name}.tar.gz`, join(dir, name)))
    const copies = await snapshotSlabs(
      slabs.flatMap((source, i) => [
        { source, dest: join(dir, `${name}-${i}`) },
        { source, dest: join(dir, `${name}-${i}-live`), registered: true },
      ]),
    )
    for (const { dest } of copies) {
      const { complaints, lastPage } = walkSlab(dest)
      assert.deepEqual([complaints, pageBytesOf(dest)], [[], bytes], dest)
      if (lastPage < 2) continue
      const fd = openSync(join(dest, 'data.mdb'), 'r+')
      writeSync(fd, Buffer.from([0xff]), 0, 1, lastPage * bytes + 10)
      closeSync(fd)
      assert.notEqual(walkSlab(dest).complaintCount, 0, dest)
    }
  }
})

function slabsIn(dir: string): string[] {
  const names = readdirSync(dir, { recursive: true }).map(String)
  return names.map((name) => join(dir, name)).filter((path) => existsSync(join(path, 'data.mdb')))
}

function pageBytesOf(path: string): number {
  const slab = SlabReader.open(path)
  slab.close()
  return slab.pageSize
}

/** All rows of the destination but for what the migration notes of itself. */
function rowsOf(dest: string): string[] {
  return dumpCortex(dest).filter((line) => !line.startsWith('migration/'))
}

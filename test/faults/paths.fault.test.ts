import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { copyCortex, tempDir } from '../support/cortex.js'
import { assertClear, Undisturbed } from '../support/undisturbed.js'

test('links, devices and odd names in the source never lead a run out of its destination, and all it makes is for its owner', async (t) => {
  const dir = tempDir(t)
  const calm = await Undisturbed.of('demo-cortex', dir)
  const destDir = calm.newDest()
  const outside = join(dirname(destDir), 'outside')
  mkdirSync(outside)
  writeFileSync(join(outside, 'precious'), 'as it was')
  const srcDir = copyCortex(calm.srcDir, join(dirname(destDir), 'src'))
  symlinkSync('..', join(srcDir, 'certs', 'above'))
  symlinkSync('/dev/zero', join(srcDir, 'endless'))
  symlinkSync(join(outside, 'precious'), join(srcDir, 'certs', 'linked'))
  assert.equal(spawnSync('mkfifo', [join(srcDir, 'certs', 'pipe')]).status, 0)
  mkdirSync(join(srcDir, 'certs', '..odd'))
  writeFileSync(join(srcDir, 'certs', '..odd', '...'), 'odd')
  // What is in the way of a file that will be made leads outside as well.
  mkdirSync(destDir)
  symlinkSync(join(outside, 'precious'), join(destDir, 'cell.guid'))
  symlinkSync(join(outside, 'precious'), join(destDir, 'cell.yaml.part'))
  symlinkSync(outside, join(destDir, 'certs'))
  const run = await calm.run({ destDir, srcDir, fromLast: true })
  assert.ok(run.summary !== undefined, run.stderr)
  assert.deepEqual(readdirSync(outside), ['precious'])
  assert.equal(readFileSync(join(outside, 'precious'), 'utf8'), 'as it was')
  assert.equal(readFileSync(join(destDir, 'certs', 'linked'), 'utf8'), 'as it was')
  const entries = readdirSync(destDir, { recursive: true, withFileTypes: true })
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name)
    assert.ok(entry.isFile() || entry.isDirectory(), path)
    assert.equal(statSync(path).mode & 0o077, 0, path)
  }
})

test('a pipe or a device in place of a slab is named and not waited for', async (t) => {
  const calm = await Undisturbed.of('demo-cortex', tempDir(t))
  const [layer] = readdirSync(join(calm.srcDir, 'layers'))
  for (const slab of [`layers/${layer}/layer.lmdb`, 'slabs/cell.lmdb']) {
    const destDir = calm.newDest()
    const srcDir = copyCortex(calm.srcDir, join(dirname(destDir), 'src'))
    const data = join(srcDir, slab, 'data.mdb')
    rmSync(data)
    assert.equal(spawnSync('mkfifo', [data]).status, 0)
    const run = await calm.run({ destDir, srcDir })
    assertClear(run, slab)
    assert.match(run.stderr, /is not a regular file/)
  }
})

import assert from 'node:assert/strict'
import { cpSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readCheckpoints } from '../../src/dest/checkpoints.js'
import { alterValue } from '../support/alter-value.js'
import { calm } from '../support/calm-run.js'
import { copyCortex, migrate, synapseMigrator, tempDir } from '../support/cortex.js'
import { PIECES, type RunOptions, runMigrator } from '../support/migrator.js'
import { layerDigests } from '../support/row-digest.js'

const SLABS = [
  ['layer', 'bybuid'],
  ['nodedata', 'bybuid'],
  ['splices', 'splices'],
] as const

/** A migration that was killed when partitions and ranges of the largest layer were done, and one that came to its end. */
const made = (async () => {
  const { dir, srcDir, destDir: whole, expected } = await calm
  const killed = join(dir, 'killed')
  const { signal } = await runMigrator(
    { srcDir, destDir: killed, pieces: PIECES, workers: 1 },
    {
      onLog: (_, kill) => {
        const runs = join(killed, 'migration', 'runs')
        if (readdirs(runs).some((iden) => readdirs(join(runs, iden)).length > 8)) kill('SIGKILL')
      },
    },
  )
  assert.equal(signal, 'SIGKILL')
  const begun = [...readCheckpoints(killed)].filter(([, { streams }]) => streams.length > 0)
  const iden = begun.find(([key]) => key.startsWith('nodes/'))?.[0].slice('nodes/'.length)
  assert.ok(iden !== undefined, 'no partition was done')
  return { dir, srcDir, whole, killed, iden, expected }
})()

function options(srcDir: string, destDir: string): RunOptions {
  return { srcDir, destDir, pieces: PIECES, fromLast: true }
}

test('--from-last refuses a backup of which one value differs, with transaction and counts the same, and names its slab', async (t) => {
  const { srcDir, killed, whole, iden } = await made
  const dir = tempDir(t)
  for (const [slab, db] of SLABS) {
    for (const [what, from] of [
      ['killed', killed],
      ['finished', whole],
    ] as const) {
      // Splices are done long before the nodes of a killed run.
      const backup = copyCortex(srcDir, join(dir, `${what}-${slab}`))
      alterValue(join(backup, 'layers', iden, `${slab}.lmdb`), db, 0.7)
      const destDir = join(dir, `dest-${what}-${slab}`)
      cpSync(from, destDir, { recursive: true })
      const { status, error, stderr } = await runMigrator(options(backup, destDir))
      assert.equal(status, 9, `${what}, ${slab}: ${stderr}`)
      assert.ok(error !== undefined)
      assert.equal(error.code, 'ERR_CHECKPOINT_MISMATCH')
      // A fork that had begun too depends on the nodes of this layer.
      const own = `"${iden}": it was started with another ${slab}.lmdb`
      const fork = `"[0-9a-f]{32}": it was started with another ${slab}.lmdb of layer ${iden}`
      assert.match(
        error.message,
        new RegExp(`^Cannot resume layer (${own}|${fork}) \\(transaction .* pages, other content\\)$`),
      )
      assert.equal(error.hint, 'Use the source and the options of the first run, or start over with --restart')
    }
  }
})

test('--from-last continues with the same source wherever it was moved or copied to', async (t) => {
  const { srcDir, killed, expected } = await made
  const dir = tempDir(t)
  const copied = copyCortex(srcDir, join(dir, 'copied'))
  renameSync(copied, join(dir, 'moved'))
  const destDir = join(dir, 'dest')
  cpSync(killed, destDir, { recursive: true })
  const { summary, stderr } = await runMigrator(options(join(dir, 'moved'), destDir))
  assert.ok(summary !== undefined, stderr)
  assert.match(stderr, /Resuming nodes migration from partition [1-9]/)
  assert.deepEqual(layerDigests(destDir), expected)
})

test('errors --replay refuses with 9 what verify tells: the source is not as it was migrated', async (t) => {
  const { srcDir } = await made
  const dir = tempDir(t)
  const dest = join(dir, 'dest')
  assert.equal(migrate('--src', srcDir, '--dest', dest, '--workers', '2').status, 8)
  const [iden] = readdirSync(join(srcDir, 'layers')).sort()
  for (const [slab, db] of SLABS) {
    const backup = copyCortex(srcDir, join(dir, slab))
    alterValue(join(backup, 'layers', iden, `${slab}.lmdb`), db, 0.3)
    const replayed = synapseMigrator(['errors', dest, '--replay', '--src', backup])
    assert.equal(replayed.status, 9, replayed.stderr)
    assert.match(replayed.stderr, new RegExp(`layer ${iden}: ".*${slab}.lmdb" has changed since`))
    const verified = synapseMigrator(['verify', '--src', backup, '--dest', dest, '--sample', '5'])
    assert.match(verified.stdout, new RegExp(`Layer ${iden} of the source is not as it was migrated.*${slab}\\.lmdb`))
    rmSync(backup, { recursive: true })
  }
})

function readdirs(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch {
    return []
  }
}

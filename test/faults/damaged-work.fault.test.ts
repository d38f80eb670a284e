import assert from 'node:assert/strict'
import {
  closeSync,
  copyFileSync,
  cpSync,
  existsSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readCheckpoints } from '../../src/dest/checkpoints.js'
import { leafPath } from '../../src/page/leaf-file.js'
import { SlabReader } from '../../src/page/page-reader.js'
import { alterByte, alterValue } from '../support/alter-value.js'
import { calm } from '../support/calm-run.js'
import { runMigrator, TINY } from '../support/migrator.js'
import { layerDigests } from '../support/row-digest.js'

const PIECES = { ...TINY, partitionBytes: 12_000 }

interface Noted {
  readonly stream: number
  readonly slab: string
  readonly state: { readonly extents: readonly { readonly first: number; readonly count: number }[] }
  readonly counts?: { readonly partition: number }
}

/** A migration that was killed while it merged a layer; what it had written, and what it must come to. */
const made = (async () => {
  const { dir, srcDir, expected } = await calm
  for (let parts = 8; ; parts++) {
    const killed = join(dir, `killed-${parts}`)
    const { signal, stderr } = await runMigrator(
      { srcDir, destDir: killed, pieces: PIECES, workers: 1 },
      {
        env: { SHOW_PROGRESS: '' },
        onLog: (text, kill) => {
          for (const [, done] of text.matchAll(/indexes \w+ (\d+)/g)) if (Number(done) >= parts) kill('SIGKILL')
        },
      },
    )
    assert.equal(signal, 'SIGKILL', `no part was merged: ${stderr}`)
    const found = [...readCheckpoints(killed)].find(
      ([key, { value, streams }]) =>
        key.startsWith('nodes/') &&
        !(value as { isBuilt: boolean }).isBuilt &&
        (streams as Noted[]).some(({ counts }) => counts === undefined) &&
        (streams as Noted[]).filter(({ counts }) => counts !== undefined).length >= 3,
    )
    if (found === undefined) continue
    const [key, { streams }] = found
    return {
      dir,
      srcDir,
      killed,
      iden: key.slice('nodes/'.length),
      noted: streams as Noted[],
      expected,
    }
  }
})()

type Made = Awaited<typeof made>

/** Continues with a killed migration of which something has changed on disk. */
async function resumed(name: string, damage: (dest: string, made: Made) => void) {
  const all = await made
  const destDir = join(all.dir, name)
  cpSync(all.killed, destDir, { recursive: true })
  damage(destDir, all)
  const run = await runMigrator({ srcDir: all.srcDir, destDir, pieces: PIECES, fromLast: true })
  return { ...run, destDir, all }
}

async function isMadeAgain(name: string, damage: (dest: string, made: Made) => void): Promise<void> {
  const { summary, stderr, destDir, all } = await resumed(name, damage)
  assert.ok(summary !== undefined, `${name}: ${stderr}`)
  assert.match(stderr, new RegExp(`Redoing [1-9]\\d* of \\d+ parts of layer ${all.iden}: their files changed`), name)
  assert.deepEqual(layerDigests(destDir), all.expected, name)
  rmSync(destDir, { recursive: true })
}

/** Runs that the checkpoint vouches for. */
function runsOf(dest: string, { iden, noted }: Made): string[] {
  const partitions = noted.flatMap(({ counts }) => (counts === undefined ? [] : [counts.partition]))
  const name = (partition: number) => `${String(partition).padStart(6, '0')}.run`
  return partitions.map((partition) => join(dest, 'migration', 'runs', iden, name(partition)))
}

function slabOf(dest: string, { iden }: Made): string {
  return join(dest, 'migration', 'build', iden, 'nodes', 'layer_v2.lmdb', 'data.mdb')
}

test('--from-last makes again what a changed sorted run held: a bit, a block, its end, all of it, another one in its place', async () => {
  await isMadeAgain('run-bit', (dest, made) => alterByte(runsOf(dest, made)[1], 5000, 2))
  await isMadeAgain('run-block', (dest, made) => {
    const fd = openSync(runsOf(dest, made)[2], 'r+')
    writeSync(fd, Buffer.alloc(4096), 0, 4096, 4096)
    closeSync(fd)
  })
  await isMadeAgain('run-cut', (dest, made) => {
    const [path] = runsOf(dest, made)
    truncateSync(path, statSync(path).size - 4096)
  })
  await isMadeAgain('run-gone', (dest, made) => rmSync(runsOf(dest, made).at(-1) as string))
  await isMadeAgain('run-other', (dest, made) => {
    const [one, other] = runsOf(dest, made)
    copyFileSync(other, one)
  })
})

test('--from-last makes again the pages that changed in half-built slabs: of partitions and of merged parts, or cut off', async () => {
  for (const kind of ['partition', 'part'] as const) {
    await isMadeAgain(`pages-${kind}`, (dest, made) => {
      const streams = made.noted.filter(({ slab, counts, state }) => {
        return (
          slab.endsWith('/layer_v2') && (counts !== undefined) === (kind === 'partition') && state.extents.length > 0
        )
      })
      const { first, count } = streams[streams.length >> 1].state.extents[0]
      alterByte(slabOf(dest, made), (first + count) * 4096 - 20, 5)
    })
  }
  await isMadeAgain('pages-cut', (dest, made) => {
    const path = slabOf(dest, made)
    truncateSync(path, Math.floor(statSync(path).size / 8192) * 4096)
  })
})

test('--from-last makes again the streams whose leaf pages are noted no more: a bit, the end, all of them', async () => {
  const leavesOf = (dest: string, { iden }: Made) =>
    leafPath(join(dest, 'migration', 'build', iden, 'nodes', 'layer_v2.lmdb'))
  await isMadeAgain('leaves-bit', (dest, made) => alterByte(leavesOf(dest, made), 100, 3))
  await isMadeAgain('leaves-cut', (dest, made) =>
    truncateSync(leavesOf(dest, made), statSync(leavesOf(dest, made)).size >> 1),
  )
  await isMadeAgain('leaves-gone', (dest, made) => rmSync(leavesOf(dest, made)))
})

test('--from-last translates again what a merged run held that has changed, though the runs it was merged from are gone', async () => {
  const all = await made
  const pieces = { ...PIECES, fanIn: { atOnce: 3, most: 2 } }
  let destDir = ''
  let merged: string | null = null
  for (let parts = 1; merged === null; parts++) {
    destDir = join(all.dir, `levels-${parts}`)
    const runsDir = join(destDir, 'migration', 'runs')
    const { signal, stderr } = await runMigrator(
      { srcDir: all.srcDir, destDir, pieces, workers: 1 },
      {
        env: { SHOW_PROGRESS: '' },
        onLog: (text, kill) => {
          for (const [, done] of text.matchAll(/indexes \w+ (\d+)/g)) if (Number(done) >= parts) kill('SIGKILL')
        },
      },
    )
    assert.equal(signal, 'SIGKILL', `no merged run was left: ${stderr}`)
    const left = existsSync(runsDir) ? readdirSync(runsDir, { recursive: true, encoding: 'utf8' }) : []
    const found = left.find((path) => /\/\d+-000000\.run$/.test(path))
    // Killed before what was merged is removed: that is another case.
    if (found === undefined || left.includes(found.replace(/\d+-000000/, '000000'))) continue
    merged = join(runsDir, found)
  }
  alterByte(merged, 5000, 2)
  const { summary, stderr } = await runMigrator({ srcDir: all.srcDir, destDir, pieces, fromLast: true })
  assert.ok(summary !== undefined, stderr)
  assert.match(stderr, /Redoing [1-9]\d* of \d+ parts of layer \w+: their files changed/)
  assert.deepEqual(layerDigests(destDir), all.expected)
})

test('--from-last refuses a checkpoint of which a bit has changed, and a checkpoint slab or a log that is damaged', async () => {
  const refused = async (name: string, code: number, says: RegExp, damage: (migration: string) => void) => {
    const { status, error, stderr } = await resumed(name, (dest) => damage(join(dest, 'migration')))
    assert.equal(status, code, `${name}: ${stderr}`)
    assert.match(error?.message ?? '', says)
    assert.match(error?.hint ?? '', /--restart/)
  }
  await refused('row', 9, /^Cannot read checkpoint "\w+\/\w{32}.*": its digest is/, (migration) =>
    alterValue(join(migration, 'checkpoints.lmdb'), 'checkpoints', 0.5),
  )
  for (const slab of ['checkpoints', 'migr']) {
    await refused(`${slab}-root`, 6, new RegExp(`^Cannot continue with ".*${slab}.lmdb": `), (migration) => {
      const path = join(migration, `${slab}.lmdb`)
      const reader = SlabReader.open(path)
      const root = reader.mainDb.root
      reader.close()
      alterByte(join(path, 'data.mdb'), root * 4096 + 12, 7)
    })
  }
})

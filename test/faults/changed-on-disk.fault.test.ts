import assert from 'node:assert/strict'
import { copyFileSync, cpSync, readdirSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { readCheckpoints } from '../../src/dest/checkpoints.js'
import { alterByte, alterValue, zeroBlock } from '../support/alter-value.js'
import { Campaign } from '../support/campaign.js'
import { compareDumps, report, withoutCheckpoints } from '../support/compare.js'
import { copyCortex, tempDir } from '../support/cortex.js'
import { dumpCortex } from '../support/dump.js'
import { assertClear, type CortexName, Undisturbed } from '../support/undisturbed.js'

const BLOCK_BYTES = 4096
/** Instants at which runs are killed: before the n-th sync of the nodes of a layer, or call that changes the checkpoints. */
const KILLS = [
  ...[2, 3, 5].map((at) => ({ at, call: 'fsync', glob: 'migration/build/*/nodes/layer_v2.lmdb/data.mdb' })),
  ...[16, 24].map((at) => ({ at, call: '*', glob: 'migration/checkpoints.lmdb/data.mdb' })),
]
const SLABS = [
  ['layer', 'bybuid'],
  ['nodedata', 'bybuid'],
  ['splices', 'splices'],
] as const

/** Destinations of runs that were killed in the middle. */
async function killed(calm: Undisturbed): Promise<string[]> {
  const dests: string[] = []
  for (const when of KILLS) {
    const destDir = calm.newDest()
    const { signal } = await calm.run({ destDir }, { fault: { does: 'kill', ...when } })
    if (signal === 'SIGKILL') dests.push(destDir)
  }
  assert.ok(dests.length > 0, 'no run was killed')
  return dests
}

/** Files of a killed run that it continues with. Slabs that are finished and only lack their names are no longer vouched for. */
function workFiles(destDir: string): string[] {
  const isOpen = (step: string, iden: string) => {
    const head = readCheckpoints(destDir).get(`${step}/${iden}`)?.value as { isBuilt?: boolean } | undefined
    return head?.isBuilt === false
  }
  const migration = join(destDir, 'migration')
  return readdirSync(migration, { recursive: true, encoding: 'utf8' }).filter((path) => {
    const [kind, iden, name] = path.split('/')
    if (!/\.(run|mdb|leaves)$/.test(path) || path.endsWith('lock.mdb') || statSync(join(migration, path)).size === 0)
      return false
    if (kind === 'runs') return isOpen('nodes', iden)
    if (kind === 'build') return isOpen(name === 'nodes' ? 'nodes' : 'splices', iden)
    return kind === 'checkpoints.lmdb' || kind === 'migr.lmdb'
  })
}

/** Damages a file in one way or another; returns how. */
function damage(path: string, others: readonly string[], campaign: Campaign): string {
  const { random } = campaign
  const { size } = statSync(path)
  const kind = random(8)
  if (kind === 0) {
    truncateSync(path, random(size))
    return 'cut short'
  }
  if (kind === 1) {
    zeroBlock(path, random(Math.ceil(size / BLOCK_BYTES)) * BLOCK_BYTES, BLOCK_BYTES)
    return 'a block zeroed'
  }
  const swapped = others.filter((other) => other.endsWith('.run') && path.endsWith('.run') && other !== path)
  if (kind === 2 && swapped.length > 0) {
    const other = campaign.pick(swapped)
    copyFileSync(path, `${path}.kept`)
    renameSync(other, path)
    renameSync(`${path}.kept`, other)
    return 'two runs swapped'
  }
  if (kind === 3 && path.endsWith('.run')) {
    rmSync(path)
    return 'gone'
  }
  const bits = 1 + random(3)
  for (let i = 0; i < bits; i++) alterByte(path, random(size), random(8))
  return 'bits flipped'
}

test('what changes below the destination between a kill and --from-last is made again or refused', async (t) => {
  const dir = tempDir(t)
  const campaign = new Campaign('changed on disk', 12, 300)
  const names: CortexName[] = ['demo-cortex', 'made']
  const calms = await inOrder(names, (name) => Undisturbed.of(name, dir))
  const starts = (await inOrder(calms, async (calm) => (await killed(calm)).map((dest) => ({ calm, dest })))).flat()
  for (let i = 0; i < campaign.cases; i++) {
    const { calm, dest } = starts[i % starts.length]
    const destDir = calm.newDest()
    cpSync(dest, destDir, { recursive: true })
    const migration = join(destDir, 'migration')
    const files = workFiles(destDir)
    const kinds = [...new Set(files.map(kindOf))]
    const kind = campaign.pick(kinds)
    const path = campaign.pick(files.filter((file) => kindOf(file) === kind))
    const how = damage(
      join(migration, path),
      files.map((file) => join(migration, file)),
      campaign,
    )
    await campaign.try(`${path}: ${how}`, async () => {
      const run = await calm.run({ destDir, fromLast: true })
      if (run.summary === undefined) {
        assertClear(run, path)
        assert.ok([5, 6, 9].includes(run.status ?? 0), `exit code ${run.status}: ${run.stderr}`)
        campaign.count(`${kind} refused with ${run.status}`)
        return
      }
      if (kind === 'migr.lmdb') assertOnlyLog(calm, destDir)
      else calm.same(destDir, path)
      const isMadeAgain = /Redoing \d+ of \d+ (parts|ranges)|starting it over|restarting from 0/.test(run.stderr)
      campaign.count(`${kind} ${isMadeAgain ? 'made again' : 'without harm'}`)
    })
    rmSync(dirname(destDir), { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
  campaign.end()
})

test('a source that is exchanged between a kill and --from-last is refused, and the same one elsewhere is continued', async (t) => {
  const dir = tempDir(t)
  const campaign = new Campaign('exchanged sources', 8, 120)
  const calm = await Undisturbed.of('demo-cortex', dir)
  const starts = await killed(calm)
  const idens = readdirSync(join(calm.srcDir, 'layers'))
  for (let i = 0; i < campaign.cases; i++) {
    const destDir = calm.newDest()
    cpSync(starts[i % starts.length], destDir, { recursive: true })
    const srcDir = copyCortex(calm.srcDir, join(dirname(destDir), 'src'))
    const isSame = campaign.random(4) === 0
    const iden = campaign.pick(idens)
    const [slab, db] = campaign.pick(SLABS)
    const values = isSame ? 0 : 1 + campaign.random(3)
    const path = join(srcDir, 'layers', iden, `${slab}.lmdb`)
    let altered = 0
    for (let n = 0; n < values; n++) if (alterValue(path, db, campaign.random(1000) / 1000) !== null) altered++
    const what = `${altered} values of ${slab} of ${iden}`
    await campaign.try(what, async () => {
      const run = await calm.run({ destDir, srcDir, fromLast: true })
      if (altered === 0) {
        assert.ok(run.summary !== undefined, run.stderr)
        calm.same(destDir, what)
        campaign.count('the same, resumed')
        return
      }
      if (run.summary === undefined) {
        assertClear(run, what)
        assert.equal(run.status, 9, run.stderr)
        assert.match(run.stderr, new RegExp(`started with another .*${slab}\\.lmdb`))
        campaign.count('refused')
        return
      }
      // Nothing of the slab had been begun: then all of it is that of the source that was given last.
      const whole = calm.newDest()
      const fresh = await calm.run({ destDir: whole, srcDir })
      assert.ok(fresh.summary !== undefined, fresh.stderr)
      const { unexplained } = compareDumps(
        withoutCheckpoints(dumpCortex(destDir)),
        withoutCheckpoints(dumpCortex(whole)),
      )
      assert.equal(unexplained.length, 0, `${what}: ${report(unexplained)}`)
      campaign.count('not begun, the result of the last source')
      rmSync(dirname(whole), { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
    })
    rmSync(dirname(destDir), { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
  campaign.end()
})

/** LMDB keeps no checksums: a record of the migration log may be what has changed, but nothing else. */
function assertOnlyLog(calm: Undisturbed, destDir: string): void {
  const { unexplained } = compareDumps(withoutCheckpoints(dumpCortex(destDir)), withoutCheckpoints(calm.expected))
  const elsewhere = unexplained.filter(({ path }) => !path.startsWith('migration/migr.lmdb'))
  assert.equal(elsewhere.length, 0, report(elsewhere))
}

function kindOf(path: string): string {
  if (path.endsWith('.run')) return 'run'
  if (path.endsWith('.leaves')) return 'leaf pages'
  return path.startsWith('build/') ? 'half-built slab' : dirname(path)
}

async function inOrder<Item, Result>(items: readonly Item[], act: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = []
  for (const item of items) results.push(await act(item))
  return results
}

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { Campaign } from '../support/campaign.js'
import { copyCortex, tempDir } from '../support/cortex.js'
import { assertClear, Undisturbed } from '../support/undisturbed.js'

const NOBODY = 65534
const isRoot = process.getuid?.() === 0

test('RLIMIT_FSIZE and RLIMIT_NOFILE: a clear end or the right result, and --from-last comes to it without the limit', async (t) => {
  const dir = tempDir(t)
  const campaign = new Campaign('RLIMIT_FSIZE and RLIMIT_NOFILE', 8, 40)
  const calm = await Undisturbed.of('demo-cortex', dir)
  for (let i = 0; i < campaign.cases; i++) {
    const isSize = i % 2 === 0
    const limit = isSize
      ? 4096 * (1 + Math.floor((i * 160) / campaign.cases) + campaign.random(8))
      : 24 + Math.floor((i * 130) / campaign.cases)
    const what = `${isSize ? 'RLIMIT_FSIZE' : 'RLIMIT_NOFILE'} of ${limit}`
    await campaign.try(what, async () => {
      const destDir = calm.newDest()
      const run = await calm.run({ destDir }, { wrapper: ['prlimit', `--${isSize ? 'fsize' : 'nofile'}=${limit}`] })
      // Node itself needs about 100 open files at a time to load the program.
      const isNode = !isSize && /^Error: EMFILE: too many open files|^node:internal\/modules/m.test(run.stderr)
      if (run.summary === undefined && !isNode) assertClear(run, what)
      const end = isNode ? 'Node.js cannot start' : run.summary === undefined ? `exit code ${run.status}` : 'enough'
      campaign.count(`${isSize ? 'RLIMIT_FSIZE' : 'RLIMIT_NOFILE'}: ${end}`)
      await calm.finish(destDir, what)
    })
  }
  campaign.end()
})

test('a destination that must not be written and a source that must not be read are named, and nothing is half done', async (t) => {
  const dir = tempDir(t)
  chmodSync(dir, 0o755)
  const campaign = new Campaign('permissions', 5, 5)
  const calm = await Undisturbed.of('demo-cortex', dir)
  const uid = isRoot ? NOBODY : undefined
  // Root may do everything: as root the runs are those of somebody else.
  const srcDir = copyCortex(calm.srcDir, join(dir, 'readable'))
  spawnSync('chmod', ['-R', 'a+rX', srcDir])
  chmodSync(calm.dir, 0o755)
  const [layer] = readdirSync(join(srcDir, 'layers'))
  const cases: [what: string, act: (destDir: string) => string | null, code: number[]][] = [
    ['parent read-only', (dest) => close(dirname(dest), 0o555), [4, 6]],
    ['destination read-only', (dest) => close(made(dest), 0o555), [4, 6]],
    ['destination not to be entered', (dest) => close(made(dest), 0o000), [4, 6]],
    ['layer slab not readable', () => close(join(srcDir, 'layers', layer, 'layer.lmdb', 'data.mdb'), 0o000), [4, 5]],
    ['hive not readable', () => close(join(srcDir, 'slabs', 'cell.lmdb', 'data.mdb'), 0o000), [4, 5]],
  ]
  for (const [what, act, codes] of cases) {
    await campaign.try(what, async () => {
      const destDir = calm.newDest()
      const scratch = dirname(destDir)
      chmodSync(scratch, 0o755)
      if (uid !== undefined) chownSync(scratch, uid, uid)
      const closed = act(destDir)
      const run = await calm.run({ destDir, srcDir }, { env: { TMPDIR: dir }, ...(uid !== undefined && { uid }) })
      assertClear(run, what)
      assert.ok(codes.includes(run.status as number), `${what}: exit code ${run.status}: ${run.stderr}`)
      if (closed !== null) chmodSync(closed, 0o755)
      campaign.count(`named, exit code ${run.status}`)
      await calm.finish(destDir, what, { srcDir })
    })
  }
  campaign.end()
})

function close(path: string, mode: number): string {
  chmodSync(path, mode)
  return path
}

/** A destination of whom the test runs as. */
function made(destDir: string): string {
  mkdirSync(destDir)
  return destDir
}

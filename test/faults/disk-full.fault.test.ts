import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { Campaign } from '../support/campaign.js'
import { tempDir } from '../support/cortex.js'
import { assertClear, Undisturbed } from '../support/undisturbed.js'

const KIB = 1024

function mounted(dir: string, options: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', dir]).status === 0
}

test('a disk that is full, then enlarged: a clear end with exit code 6 or 4, then --from-last comes to the undisturbed result', async (t) => {
  const dir = tempDir(t)
  const campaign = new Campaign('disk full', 4, 20)
  const calm = await Undisturbed.of('demo-cortex', dir)
  const disk = join(dirname(calm.newDest()), 'disk')
  mkdirSync(disk)
  const canMount = mounted(disk, 'size=1m')
  spawnSync('umount', [disk])
  if (!canMount) campaign.count('no tmpfs may be mounted here: calls fail with ENOSPC instead', 1)
  for (let i = 0; i < campaign.cases; i++) {
    const size = 48 + Math.floor(((i + campaign.random(100) / 100) * 2600) / campaign.cases)
    const what = canMount ? `a disk of ${size} KiB` : `ENOSPC from call ${size} on`
    await campaign.try(what, async () => {
      const own = dirname(calm.newDest())
      const destDir = join(own, 'disk', 'dest')
      mkdirSync(dirname(destDir))
      if (canMount) assert.ok(mounted(dirname(destDir), `size=${size * KIB}`))
      try {
        const fault = canMount ? {} : ({ fault: { does: 'enospc', at: 1 + (size % 600), sticky: true } } as const)
        // A run that goes on is not asked how much room it needs: it fills the disk.
        const run = await calm.run({ destDir, fromLast: i % 4 > 0 }, { ...fault, env: { TMPDIR: own } })
        if (run.summary === undefined) {
          assertClear(run, what)
          assert.ok(run.status === 6 || run.status === 4, `${what}: exit code ${run.status}: ${run.stderr}`)
        }
        campaign.count(run.summary === undefined ? `full, exit code ${run.status}` : 'large enough')
        if (canMount) assert.equal(spawnSync('mount', ['-o', 'remount,size=64m', dirname(destDir)]).status, 0)
        await calm.finish(destDir, what, {})
      } finally {
        if (canMount) spawnSync('umount', [dirname(destDir)])
      }
    })
  }
  campaign.end()
})

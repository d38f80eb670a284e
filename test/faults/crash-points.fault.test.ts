import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Campaign } from '../support/campaign.js'
import { tempDir } from '../support/cortex.js'
import { Undisturbed } from '../support/undisturbed.js'

/** Calls of one kind at paths of one kind. */
interface Point {
  readonly call: string
  readonly glob: string
  readonly hits: number
}

/** Points of a trace; layers, partitions, processes and times are all alike. */
function pointsOf(trace: readonly string[]): Point[] {
  const points = new Map<string, Point>()
  for (const line of trace) {
    const [call, path] = line.split(' ')
    const glob = path.replaceAll(/[0-9a-f]{32}|\d{4,}/g, '*')
    const known = points.get(`${call} ${glob}`)
    points.set(`${call} ${glob}`, { call, glob, hits: (known?.hits ?? 0) + 1 })
  }
  return [...points.values()]
}

test('SIGKILL before the first, the second and the last of each change of durable state: --from-last comes to the undisturbed result', async (t) => {
  const dir = tempDir(t)
  const campaign = new Campaign('SIGKILL at crash points', 18, 0)
  const calm = await Undisturbed.of('demo-cortex', dir)
  const points = pointsOf(calm.trace)
  const kills = points.flatMap(({ hits, ...point }) =>
    [...new Set([1, Math.min(2, hits), hits])].map((at) => ({ ...point, at })),
  )
  const chosen = campaign.some(kills)
  for (const point of chosen) {
    const what = `killed at ${point.call} ${point.glob}, hit ${point.at}`
    await campaign.try(what, async () => {
      const destDir = calm.newDest()
      const { signal } = await calm.run({ destDir }, { fault: { ...point, does: 'kill' } })
      // How many calls there are depends on how the threads take turns.
      campaign.count(signal === 'SIGKILL' ? 'killed' : 'ended, the last hit did not come')
      await calm.finish(destDir, what)
    })
  }
  campaign.count(`points of ${points.length} places known`, kills.length)
  campaign.end()
  assert.ok(campaign.countOf('killed') > chosen.length / 2)
})

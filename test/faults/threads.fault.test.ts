import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Campaign } from '../support/campaign.js'
import { tempDir } from '../support/cortex.js'
import { Undisturbed } from '../support/undisturbed.js'

const SABOTEUR = pathToFileURL(join(import.meta.dirname, '..', 'support', 'saboteur.js')).href
/** Files that the threads open: extracting, merging, and in the writer thread. */
const PLACES = { extract: '\\.run\\.part$', merge: '\\.run$', writer: 'layer_v2\\.lmdb/data\\.mdb$' }

test('a thread that throws, ends, runs out of memory or hangs: the run says so and ends, and --from-last comes to the undisturbed result', async (t) => {
  const dir = tempDir(t)
  const campaign = new Campaign('threads', 5, 24)
  const calm = await Undisturbed.of('demo-cortex', dir)
  const deeds = ['throw', 'exit', 'memory', 'hang'] as const
  const all = deeds.flatMap((deed) => Object.keys(PLACES).flatMap((place) => [1, 2].map((at) => ({ deed, place, at }))))
  for (const { deed, place, at } of campaign.some(all)) {
    const what = `${deed} in ${place}, time ${at}`
    await campaign.try(what, async () => {
      const destDir = calm.newDest()
      const mark = join(dirname(destDir), 'mark')
      const run = await calm.run(
        // One chunk at a time is on its way: tasks wait for the writer, also for one that is gone.
        { destDir, ...(place === 'writer' && { memoryBytes: 8 }) },
        {
          env: {
            NODE_OPTIONS: `--import=${SABOTEUR} --max-old-space-size=256`,
            SABOTAGE: deed,
            SABOTAGE_PATH: PLACES[place as keyof typeof PLACES],
            SABOTAGE_MARK: mark,
            SABOTAGE_AT: String(at),
            SYNAPSE_MIGRATOR_QUIET_SECONDS: '0.5',
          },
          // What hangs is stopped by hand.
          ...(deed === 'hang' && {
            onStart: (kill) => {
              const look = setInterval(() => {
                if (!existsSync(mark)) return
                clearInterval(look)
                setTimeout(() => kill('SIGINT'), 2000)
              }, 200)
            },
          }),
        },
      )
      assert.ok(!run.isHung, run.stderr)
      if (deed === 'hang') {
        assert.equal(run.signal, 'SIGINT', run.stderr)
        assert.match(run.stderr, /No thread has reported anything for \d+ s\. Still running: \w+/)
      } else if (run.summary !== undefined) campaign.count('tasks went to other threads')
      else
        assert.match(run.stderr, deed === 'throw' ? /^error: .*boom/m : /^error: .*(memory|thread|exit)/im, run.stderr)
      campaign.count(deed)
      await calm.finish(destDir, what)
    })
  }
  campaign.end()
})

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Campaign } from '../support/campaign.js'
import { tempDir } from '../support/cortex.js'
import { plantLock, STRANGER } from '../support/lock.js'
import { type Run, runInChild } from '../support/migrator.js'
import { CORTEXES, Undisturbed } from '../support/undisturbed.js'

const SYNC = fileURLToPath(new URL('../../../bin/sync_020.mjs', import.meta.url))

/** Where two runs can be: on one host, or each in a pid namespace of its own, as in two containers that share a directory. */
const PLACES: [string, readonly string[]][] = [
  ['two runs at once', []],
  ['two runs at once in two pid namespaces', ['unshare', '--fork', '--kill-child', '--pid', '--mount-proc']],
]

for (const [name, wrapper] of PLACES) {
  test(`${name}: one is refused with exit code 10, the other comes to the undisturbed result`, async (t) => {
    const dir = tempDir(t)
    if (wrapper.length > 0 && spawnSync(wrapper[0], [...wrapper.slice(1), 'true']).status !== 0) {
      console.log(
        `${name}: NOT TRIED, as this user may not make namespaces; test/lock tries it with a made-up namespace`,
      )
      return
    }
    const campaign = new Campaign(name, 4, 30)
    const calm = await Undisturbed.of('demo-cortex', dir)
    for (let i = 0; i < campaign.cases; i++) {
      const delayMs = campaign.random(3) === 0 ? 0 : campaign.random(Math.floor(calm.wholeMs * 0.7))
      const what = `the second run ${delayMs} ms behind the first`
      await campaign.try(what, async () => {
        const destDir = calm.newDest()
        const second = async (): Promise<Run> => {
          await wait(delayMs)
          return calm.run({ destDir, fromLast: campaign.random(2) === 0 }, { wrapper })
        }
        const runs = await Promise.all([calm.run({ destDir }, { wrapper }), second()])
        const refused = runs.filter(({ status }) => status === 10)
        for (const { status, stderr } of runs) assert.ok(status === 0 || status === 10, `${what}: ${status} ${stderr}`)
        for (const { stderr } of refused)
          assert.match(
            stderr,
            /error: Cannot migrate to .* (is migrating to it|another run has written to it in the meantime)/,
          )
        assert.ok(refused.length <= 1, what)
        campaign.count(refused.length === 1 ? 'refused' : 'one after the other')
        calm.same(destDir, what)
      })
    }
    campaign.end()
  })
}

test('a run in another pid namespace that is killed: the next one there gets in, and comes to the undisturbed result', async (t) => {
  const dir = tempDir(t)
  const [, wrapper] = PLACES[1]
  const campaign = new Campaign('killed containers', 2, 10)
  const calm = await Undisturbed.of('demo-cortex', dir)
  const isPermitted = spawnSync(wrapper[0], [...wrapper.slice(1), 'true']).status === 0
  if (!isPermitted) console.log('killed containers: WITH MADE-UP NAMESPACES, as this user may not make any')
  for (let i = 0; i < campaign.cases; i++) {
    const killAfterMs = 300 + campaign.random(Math.floor(calm.wholeMs * 0.7))
    const what = `killed after ${killAfterMs} ms`
    await campaign.try(what, async () => {
      const destDir = calm.newDest()
      const lock = join(destDir, 'migration', 'run.lock')
      await calm.run({ destDir }, { killAfterMs, ...(isPermitted && { wrapper }) })
      const isHeld = existsSync(lock)
      if (isHeld && !isPermitted) plantLock(lock, STRANGER)
      const run = await calm.finish(destDir, what, {}, isPermitted ? { wrapper } : {})
      assert.equal(run.stderr.includes('watching for 10 s to see whether it is alive'), isHeld, run.stderr)
      campaign.count(isHeld ? 'taken over after a watch' : 'killed without the lock')
    })
  }
  campaign.end()
})

test('two sync services on one directory, each in a pid and network namespace of its own: one is refused with 10, and one that was killed is followed', async (t) => {
  const campaign = new Campaign('two sync services', 3, 20)
  const wrapper = ['unshare', '--fork', '--kill-child', '--pid', '--net', '--mount-proc']
  const isPermitted = spawnSync(wrapper[0], [...wrapper.slice(1), 'true']).status === 0
  if (!isPermitted) console.log('two sync services: IN ONE NAMESPACE, as this user may not make any')
  const start = (dirn: string) => {
    const words = [...(isPermitted ? wrapper : []), process.execPath, SYNC, dirn, '--telepath', 'tcp://127.0.0.1:0/']
    const child = spawn(words[0], [...words.slice(1), '--https', 'none'], { stdio: ['ignore', 'pipe', 'pipe'] })
    t.after(() => child.kill('SIGKILL'))
    let stderr = ''
    child.stderr.on('data', (text) => {
      stderr += text
    })
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
    const isUp = async () => {
      while (!stderr.includes('Listening')) {
        if (child.exitCode !== null) return false
        await wait(20)
      }
      return true
    }
    return { child, ended, isUp, stderr: () => stderr }
  }
  for (let i = 0; i < campaign.cases; i++) {
    const delayMs = campaign.random(3) === 0 ? 0 : campaign.random(1500)
    const what = `the second service ${delayMs} ms behind the first`
    await campaign.try(what, async () => {
      const dirn = join(tempDir(t), 'sync')
      const one = start(dirn)
      await wait(delayMs)
      const services = [one, start(dirn)]
      const up = await Promise.all(services.map(({ isUp }) => isUp()))
      assert.deepEqual(up.filter(Boolean).length, 1, services.map(({ stderr }) => stderr()).join('\n'))
      assert.equal(await services[up.indexOf(false)].ended, 10)
      const first = services[up.indexOf(true)]
      first.child.kill('SIGKILL')
      await first.ended
      const next = start(dirn)
      assert.ok(await next.isUp(), next.stderr())
      assert.equal(next.stderr().includes('watching for 10 s to see whether it is alive'), isPermitted, next.stderr())
      next.child.kill('SIGKILL')
      await next.ended
      campaign.count('refused, and followed')
    })
  }
  campaign.end()
})

test('a checkpoint of which any byte was edited is refused, never gone on from', async (t) => {
  const dir = tempDir(t)
  const campaign = new Campaign('edited checkpoints', 3, 20)
  const calm = await Undisturbed.of('demo-cortex', dir)
  const killed = calm.newDest()
  await calm.run(
    { destDir: killed },
    { fault: { does: 'kill', at: 3, call: 'fsync', glob: 'migration/build/*/nodes/layer_v2.lmdb/data.mdb' } },
  )
  for (let i = 0; i < campaign.cases; i++) {
    const part = campaign.random(1000)
    await campaign.try(`edited at ${part} of 1000`, async () => {
      const destDir = calm.newDest()
      cpSync(killed, destDir, { recursive: true })
      await runInChild('edit-checkpoint.js', [destDir, String(part)])
      const run = await calm.run({ destDir, fromLast: true })
      assert.equal(run.status, 9, run.stderr)
      assert.match(run.stderr, /error: Cannot read checkpoint "(nodes|splices)\/\w{32}": its digest is \w{16}, it was/)
      campaign.count('refused')
      await calm.finish(destDir, 'from the start', { fromLast: false })
    })
  }
  campaign.end()
})

test('a resume with other options, another source or by another version is refused with what differs', async (t) => {
  const dir = tempDir(t)
  const campaign = new Campaign('other resumes', 4, 4)
  const calm = await Undisturbed.of('demo-cortex', dir)
  const other = await Undisturbed.of(CORTEXES[1], dir)
  const cases: [string, object, number, RegExp][] = [
    ['--safety-off', { safetyOff: true }, 9, /checks \(true, now false\)/],
    ['--no-map-partial', { mapPartial: false }, 9, /partial nodes \(true, now false\)/],
    ['another Cortex', { srcDir: other.srcDir }, 4, /belongs to the Cortex/],
    ['a newer version', {}, 9, /another version of this program has made it \(schema 99, now \d+\)/],
  ]
  for (const [what, options, code, says] of cases) {
    await campaign.try(what, async () => {
      const destDir = calm.newDest()
      await calm.run(
        { destDir },
        { fault: { does: 'kill', at: 3, call: 'fsync', glob: 'migration/build/*/nodes/layer_v2.lmdb/data.mdb' } },
      )
      if (what === 'a newer version') await runInChild('edit-checkpoint.js', [destDir, 'schema'])
      const run = await calm.run({ destDir, fromLast: true, ...options })
      assert.equal(run.status, code, run.stderr)
      assert.match(run.stderr, says)
      campaign.count('refused')
      // Nothing has changed: with a version of the first run it goes on, or starts over.
      await calm.finish(destDir, what, { fromLast: what !== 'a newer version' })
    })
  }
  campaign.end()
})

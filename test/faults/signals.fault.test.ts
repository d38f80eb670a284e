import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Campaign } from '../support/campaign.js'
import { tempDir } from '../support/cortex.js'
import { Undisturbed } from '../support/undisturbed.js'

const LAUNCHER = fileURLToPath(new URL('../../../bin/migrate_020.mjs', import.meta.url))
const LIMIT_MS = 60_000

interface Ending {
  readonly status: number | null
  readonly signal: string | null
  readonly stderr: string
}

/** Runs `migrate_020`; `disturb` is called when it logs that it has begun with the layers. */
async function migrateDisturbed(args: string[], disturb: (child: ChildProcess) => unknown): Promise<Ending> {
  const child = spawn(process.execPath, [LAUNCHER, '-v', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let stderr = ''
  let isDisturbed = false
  child.stderr.on('data', (text) => {
    stderr += text
    if (isDisturbed || !stderr.includes('Starting node migration')) return
    isDisturbed = true
    void disturb(child)
  })
  child.stdout.resume()
  const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
  const [status, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on('exit', (...ended) => resolve(ended))
  })
  clearTimeout(limit)
  return { status, signal, stderr }
}

test('SIGINT and SIGTERM, once and twice, SIGSTOP and closed pipes: the run ends as it says, and --from-last comes to the undisturbed result', async (t) => {
  const dir = tempDir(t)
  const campaign = new Campaign('signals', 6, 36)
  const calm = await Undisturbed.of('made', dir)
  const kinds = ['SIGINT', 'SIGTERM', 'SIGINT twice', 'SIGTERM twice', 'SIGSTOP', 'EPIPE'] as const
  for (let i = 0; i < campaign.cases; i++) {
    const kind = kinds[i % kinds.length]
    const delayMs = campaign.random(400)
    const what = `${kind} ${delayMs} ms after the layers were begun`
    await campaign.try(what, async () => {
      const destDir = calm.newDest()
      const args = ['--src', calm.srcDir, '--dest', destDir, '--workers', '2']
      const ending = await migrateDisturbed(args, async (child) => {
        await wait(delayMs)
        if (kind === 'EPIPE') {
          child.stderr?.destroy()
          child.stdout?.destroy()
        } else if (kind === 'SIGSTOP') {
          child.kill('SIGSTOP')
          await wait(700)
          child.kill('SIGCONT')
        } else {
          const [signal, twice] = kind.split(' ') as [NodeJS.Signals, string?]
          child.kill(signal)
          if (twice !== undefined) child.kill(signal)
        }
      })
      const { status, signal, stderr } = ending
      assert.equal(signal, null, `${what}: ${signal}: ${stderr}`)
      const code = kind.startsWith('SIGINT') ? 130 : kind.startsWith('SIGTERM') ? 143 : 0
      const isDone = status === 0 || status === 8
      assert.ok(status === code || isDone, `${what}: exit code ${status}: ${stderr}`)
      if (!isDone) assert.match(stderr, /run the same command with --from-last/, what)
      campaign.count(`${kind}: exit code ${status}`)
      await calm.finish(destDir, what, { pieces: {} })
    })
  }
  campaign.end()
})

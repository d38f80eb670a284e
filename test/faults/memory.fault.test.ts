import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { ModelFile } from '../../src/model/model-file.js'
import { Campaign, isFull } from '../support/campaign.js'
import { tempDir } from '../support/cortex.js'
import { runInChild, runMigrator } from '../support/migrator.js'

const GENERATOR = fileURLToPath(new URL('../../bench/synthetic-layer.js', import.meta.url))
const MIB = 2 ** 20
/** What `--memory` is told, for two workers. */
const MEMORY_BYTES = 256 * MIB
/** The properties that test/support/huge-cortex.ts gives its nodes. */
const MODEL: ModelFile = {
  types: {},
  forms: {},
  tagProps: {},
  univs: Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`._p${i}`, ['str', {}] as const])),
}

/** What is made, and how much memory its migration may take at most, mapped files apart. */
const CASES: readonly { readonly what: string; readonly nodes?: number; readonly budgetMib: number }[] = [
  { what: 'node of 200 MB', budgetMib: 800 },
  { what: 'value of 100 MB', budgetMib: 900 },
  isFull ? { what: '1,000,000 tags on a node', budgetMib: 1300 } : { what: '100,000 tags on a node', budgetMib: 500 },
  { what: '100,000 abbreviations', budgetMib: 450 },
  ...(isFull ? [{ what: '3,000,000 nodes', nodes: 3_000_000, budgetMib: 600 }] : []),
]

/** RssAnon and RssShmem of a process, in bytes; 0 when it is gone. */
function ownBytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)
    return 1024 * (kib('RssAnon') + kib('RssShmem'))
  } catch {
    return 0
  }
}

test('what is huge is migrated or quarantined within a budget of memory', async (t) => {
  const dir = tempDir(t)
  const campaign = new Campaign('memory', CASES.length, CASES.length)
  for (const { what, nodes, budgetMib } of CASES) {
    await campaign.try(what, async () => {
      const srcDir = join(dir, 'src')
      const destDir = join(dir, 'dest')
      if (nodes === undefined) await runInChild('huge-cortex.js', [srcDir, what])
      else {
        const made = spawnSync(process.execPath, [GENERATOR, srcDir, '--nodes', String(nodes), '--seed', '3'])
        assert.equal(made.status, 0, String(made.stderr))
      }
      let peakBytes = 0
      let looks: NodeJS.Timeout | undefined
      const run = await runMigrator(
        { srcDir, destDir, workers: 2, memoryBytes: MEMORY_BYTES, modelFiles: [MODEL] },
        {
          onStart: (_, pid) => {
            looks = setInterval(() => {
              peakBytes = Math.max(peakBytes, ownBytes(pid))
            }, 20)
          },
        },
      )
      clearInterval(looks)
      assert.ok(run.summary !== undefined, run.stderr)
      const [layer] = run.summary.layers
      const peakMib = Math.round(peakBytes / MIB)
      const { errorCount } = run.summary
      campaign.count(`${what}: ${layer.migrated} migrated, ${errorCount} quarantined, ${peakMib} MiB of ${budgetMib};`)
      assert.ok(peakMib <= budgetMib, `${peakMib} MiB, the budget is ${budgetMib}`)
      rmSync(srcDir, { recursive: true, force: true })
      rmSync(destDir, { recursive: true, force: true })
    })
    for (const name of ['src', 'dest']) rmSync(join(dir, name), { recursive: true, force: true })
  }
  campaign.end()
})

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { MigrateOptions } from '../../src/migrate/options.js'
import type { MigrateSummary } from '../../src/migrate/summary.js'

const script = join(import.meta.dirname, 'run-migrator.js')

/** Cuts the small bundled Cortex into as many pieces as a large one has. */
export const TINY = { partitionBytes: 4096, unitBytes: 2048, rangeBytes: 4096 }

export type RunOptions = Partial<MigrateOptions> & { readonly srcDir: string; readonly destDir: string }

export interface Run {
  readonly status: number | null
  readonly signal: string | null
  readonly stderr: string
  readonly summary?: MigrateSummary
  readonly error?: { readonly code: string | null; readonly message: string; readonly hint?: string }
}

export interface RunControls {
  /** Called with each piece of what the run writes to standard error, and what kills it. */
  readonly onLog?: (text: string, kill: (signal: NodeJS.Signals) => void) => void
  readonly killAfterMs?: number
  /** Words before `node`, such as `prlimit --fsize=…`. */
  readonly wrapper?: readonly string[]
}

/** Runs a migration in a process of its own to its end, whatever that is. */
export async function runMigrator(options: RunOptions, controls: RunControls = {}): Promise<Run> {
  const words = [...(controls.wrapper ?? []), process.execPath, script, JSON.stringify(options)]
  const child = spawn(words[0], words.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  const kill = (signal: NodeJS.Signals) => child.kill(signal)
  child.stdout.on('data', (text) => {
    stdout += text
  })
  child.stderr.on('data', (text) => {
    stderr += text
    controls.onLog?.(String(text), kill)
  })
  const timer = controls.killAfterMs === undefined ? null : setTimeout(() => kill('SIGKILL'), controls.killAfterMs)
  const [status, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (...ended) => resolve(ended))
  })
  if (timer !== null) clearTimeout(timer)
  return { status, signal, stderr, ...(stdout === '' ? {} : JSON.parse(stdout)) }
}

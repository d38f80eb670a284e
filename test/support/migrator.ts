import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { MigrateOptions } from '../../src/migrate/options.js'
import type { MigrateSummary } from '../../src/migrate/summary.js'

const script = join(import.meta.dirname, 'run-migrator.js')

/** Cuts the small bundled Cortex into as many pieces as a large one has. */
export const TINY = { partitionBytes: 4096, unitBytes: 2048, rangeBytes: 4096 }

/** A message for each partition, so that kills fall between checkpoints. */
export const PIECES = { ...TINY, partitionBytes: 12_000, taskBytes: 1 }

export type RunOptions = Partial<MigrateOptions> & { readonly srcDir: string; readonly destDir: string }

export interface Run {
  readonly status: number | null
  readonly signal: string | null
  readonly stderr: string
  readonly isHung: boolean
  readonly summary?: MigrateSummary
  readonly error?: { readonly code: string | null; readonly message: string; readonly hint?: string }
}

export interface RunControls {
  /** Called with each piece of what the run writes to standard error, and what kills it. */
  readonly onLog?: (text: string, kill: (signal: NodeJS.Signals) => void) => void
  readonly onStart?: (kill: (signal: NodeJS.Signals) => void, pid: number) => void
  readonly killAfterMs?: number
  /** Words before `node`, such as `prlimit --fsize=…`. */
  readonly wrapper?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** Whom it runs as; only root can choose. */
  readonly uid?: number
  /** It is killed, with all its processes, when it has not ended by then: it hangs. */
  readonly limitMs?: number
}

/** Runs a migration in a process of its own to its end, whatever that is. */
export async function runMigrator(options: RunOptions, controls: RunControls = {}): Promise<Run> {
  const words = [...(controls.wrapper ?? []), process.execPath, script, JSON.stringify(options)]
  const { uid, limitMs } = controls
  const child = spawn(words[0], words.slice(1), {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...controls.env },
    // A group of its own: the shim kills all of it, and not the tests.
    detached: true,
    ...(uid !== undefined && { uid, gid: uid }),
  })
  let stdout = ''
  let stderr = ''
  const kill = (signal: NodeJS.Signals) => child.kill(signal)
  controls.onStart?.(kill, child.pid as number)
  child.stdout.on('data', (text) => {
    stdout += text
  })
  child.stderr.on('data', (text) => {
    stderr += text
    controls.onLog?.(String(text), kill)
  })
  const timer = controls.killAfterMs === undefined ? null : setTimeout(() => kill('SIGKILL'), controls.killAfterMs)
  let isHung = false
  const hung = () => {
    isHung = true
    process.kill(-(child.pid as number), 'SIGKILL')
  }
  const limit = limitMs === undefined ? null : setTimeout(hung, limitMs)
  const [status, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (...ended) => resolve(ended))
  })
  if (timer !== null) clearTimeout(timer)
  if (limit !== null) clearTimeout(limit)
  if (isHung) stderr += `\nIt did not end within ${limitMs} ms`
  return { status, signal, stderr, isHung, ...(stdout === '' ? {} : JSON.parse(stdout)) }
}

/** Runs a script of test/support to its end; throws when that is none to be proud of. */
export async function runInChild(name: string, args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [join(import.meta.dirname, name), ...args], { stdio: 'inherit' })
  const status = await new Promise((resolve) => child.on('exit', resolve))
  if (status !== 0) throw new Error(`${name} ended with ${status}`)
}

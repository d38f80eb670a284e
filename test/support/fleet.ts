import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The checkout; this file runs from `dist/test/support`. */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
/** What test/fleet/setup.sh installs from PyPI. */
const TOOLS = join(process.env.FLEET_TOOLS_DIR ?? join(homedir(), '.cache', 'synapse-migrator', 'fleet'), 'venv', 'bin')
/** The programs of this checkout by the names that users know, for the PATH. */
const PROGRAMS = join(ROOT, 'test', 'fleet', 'bin')

export function example(path: string): string {
  return join(ROOT, 'examples', path)
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
}

export interface Ended {
  readonly status: number | null
  readonly stdout: string
  /** Standard output and standard error, as they came. */
  readonly output: string
}

export interface Slurm {
  /** The words of a command that uses this cluster, in a working directory. */
  inside(cwd: string, words: readonly string[]): readonly string[]
  stop(): Promise<void>
}

/** Starts a cluster of one node. */
export async function startSlurm(): Promise<Slurm> {
  const dir = mkdtempSync(join(tmpdir(), 'fleet-slurm-'))
  const child = spawn(join(ROOT, 'test', 'fleet', 'slurm.sh'), [dir], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => child.on('close', resolve))
  const said = await Promise.race([new Promise((resolve) => child.stdout.once('data', resolve)), ended])
  if (String(said).trim() !== 'ready') throw new Error(`slurm.sh ended with ${said}: see ${dir}`)
  return {
    inside: (cwd, words) => ['nsenter', `--mount=/proc/${child.pid}/ns/mnt`, `--wd=${cwd}`, '--', ...words],
    async stop() {
      child.stdin.end()
      await ended
      rmSync(dir, { recursive: true })
    },
  }
}

/** Runs a command to its end, with our programs and the engines on its PATH. */
export function runExample(words: readonly string[], { cwd = ROOT, env }: RunOptions = {}): Promise<Ended> {
  const path = [PROGRAMS, TOOLS, process.env.PATH].join(delimiter)
  const [command, ...args] = words
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env, PATH: path },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, stdout, output }))
  })
}

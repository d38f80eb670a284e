import { spawn } from 'node:child_process'
import { homedir } from 'node:os'
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

/** Runs a command to its end, with our programs and the engines on its PATH. */
export function runExample(command: string, args: readonly string[], { cwd, env }: RunOptions = {}): Promise<Ended> {
  const path = [PROGRAMS, TOOLS, process.env.PATH].join(delimiter)
  const child = spawn(command, args, {
    env: { ...process.env, ...env, PATH: path },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd !== undefined && { cwd }),
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

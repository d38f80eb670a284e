import { type SpawnSyncOptionsWithStringEncoding, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** The checkout; this file runs from `dist/test/support`. */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
export const ORACLE_DIR = process.env.SYNAPSE_ORACLE_DIR ?? join(homedir(), '.cache', 'synapse-migrator', 'oracle')

/** Python scripts that run within a real Synapse. */
export const ORACLE_SCRIPTS = join(ROOT, 'test', 'oracle')

/** Synapse 0.1.58, 0.2.0rc18, 2.0.0, 2.8.0 and 2.256.0, as test/oracle/setup.sh installs them. */
export type Release = '01x' | 'rc18' | '200' | '280' | 'latest'

export interface Ended {
  /** Exit status, or null when a signal ended the process. */
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A directory that is removed when the test ends. */
export function tempDir(t: { after(fn: () => void): void }): string {
  const dir = mkdtempSync(join(tmpdir(), 'synapse-migrator-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

export function fixture(name: string): string {
  return join(ROOT, 'test', 'fixtures', name)
}

/** Unpacks a Cortex of the fixtures into a new directory. */
export function unpack(name: string, dir: string): string {
  mkdirSync(dir, { recursive: true })
  mustEnd('tar', ['-C', dir, '-xzf', fixture(name)])
  return dir
}

/** A copy of a Cortex directory in which sparse files stay sparse. */
export function copyCortex(from: string, to: string): string {
  mustEnd('cp', ['-r', '--sparse=always', from, to])
  return to
}

/**
 * Runs `migrate_020` to its end, whatever that is: with one worker where a test does not ask for more, as each costs more to
 * start than these Cortexes to migrate.
 */
export function migrate(...args: string[]): Ended {
  const workers = args.some((arg) => arg.startsWith('--workers')) ? [] : ['--workers', '1']
  return run(process.execPath, [join(ROOT, 'bin', 'migrate_020.mjs'), ...args, ...workers])
}

/** Runs `synapse-migrator` to its end, whatever that is, not on a terminal; `env` is added to the environment. */
export function synapseMigrator(args: readonly string[], env: NodeJS.ProcessEnv = {}): Ended {
  return run(process.execPath, [join(ROOT, 'bin', 'synapse-migrator.mjs'), ...args], { ...process.env, ...env })
}

/** Runs a script of test/oracle, or a module with `-m`, with the Python of a release of Synapse. */
export function python(release: Release, ...args: string[]): string {
  const { command, words, env } = pythonCommand(release, args)
  return mustEnd(command, words, env)
}

/** Starts a script of test/oracle; `end()` closes its standard input and gives what it printed since the first line. */
export async function startPython(release: Release, ...args: string[]): Promise<{ end(): Promise<string> }> {
  const { command, words, env } = pythonCommand(release, args)
  const child = spawn(command, words, { env, stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const { value: first } = await lines.next()
  if (first !== 'ready') throw new Error(`${args.join(' ')} said ${first}`)
  return {
    async end() {
      child.stdin.end()
      const said: string[] = []
      for (let line = await lines.next(); !line.done; line = await lines.next()) said.push(line.value)
      return said.join('\n')
    },
  }
}

function pythonCommand(release: Release, args: readonly string[]) {
  const scripts = join(ROOT, 'test', 'oracle')
  const words = args[0] === '-m' ? args : [join(scripts, args[0]), ...args.slice(1)]
  return {
    command: join(ORACLE_DIR, release, 'bin', 'python'),
    words: ['-W', 'ignore', ...words],
    env: { ...process.env, PYTHONPATH: scripts, PYTHONDONTWRITEBYTECODE: '1' },
  }
}

/** Runs the reference migrator. */
export function migrateByReference(src: string, dest: string, ...args: string[]): string {
  return python('rc18', '-m', 'synapse.tools.migrate_020', '--src', src, '--dest', dest, ...args)
}

function mustEnd(command: string, args: string[], env = process.env): string {
  const { status, stdout, stderr } = run(command, args, env)
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`)
  return stdout
}

function run(command: string, args: string[], env = process.env): Ended {
  const options: SpawnSyncOptionsWithStringEncoding = {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
  }
  const { status, stdout, stderr, error } = spawnSync(command, args, options)
  if (error !== undefined) throw error
  return { status, stdout, stderr }
}

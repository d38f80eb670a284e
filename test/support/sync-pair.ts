import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ChangingCortex } from './changing-cortex.js'
import { copyCortex, migrate, python, type Release, tempDir } from './cortex.js'
import { freePort } from './tcp-proxy.js'

const SERVICE = fileURLToPath(new URL('../../../bin/sync_020.mjs', import.meta.url))

/** A test, or whoever else ends what was started. */
export interface Owner {
  after(fn: () => unknown): void
}

/** A generated 0.1.58 Cortex and its migration, both running. */
export interface Pair {
  readonly dir: string
  readonly source: ChangingCortex
  readonly dest: ChangingCortex
  readonly offsfile: string
}

export async function startPair(t: Owner, release: Release, seed = 11): Promise<Pair> {
  const dir = tempDir(t)
  python('01x', 'gen_cortex.py', join(dir, 'backup'), '--nodes', '200', '--seed', String(seed))
  // 8: the generated Cortex has a queue without an owner, which is reported.
  assert.equal(migrate('--src', join(dir, 'backup'), '--dest', join(dir, 'dest')).status, 8)
  copyCortex(join(dir, 'backup'), join(dir, 'source'))
  const source = new ChangingCortex('01x', join(dir, 'source'))
  const dest = new ChangingCortex(release, join(dir, 'dest'))
  t.after(() => Promise.all([source.kill(), dest.kill()]))
  await Promise.all([source.start(), dest.start()])
  return { dir, source, dest, offsfile: join(dir, 'dest', 'migration', 'lyroffs.yaml') }
}

/** A row that only one side has. */
export interface RowDifference {
  readonly side: 'source' | 'destination'
  readonly form: string
  readonly row: string
}

/** Fails unless every row of every layer is the same on both sides, but for the differences that are meant to be. */
export async function assertSameRows(
  { dir, source, dest }: Pair,
  isMeant: (difference: RowDifference) => boolean = () => false,
): Promise<void> {
  const here = await source.rows(join(dir, 'source.gz'))
  const there = await dest.rows(join(dir, 'dest.gz'))
  assert.ok(here.length > 1_000)
  const found = [...rowsWithout(there, here, 'source'), ...rowsWithout(here, there, 'destination')]
  assert.deepEqual(
    found.filter((difference) => !isMeant(difference)),
    [],
  )
}

/** The rows that are not among the others. */
function rowsWithout(others: readonly string[], rows: readonly string[], side: RowDifference['side']): RowDifference[] {
  const known = new Set(others)
  const forms = new Map<string, string>()
  for (const row of rows) {
    const [layer, buid, kind, name] = JSON.parse(row)
    if (kind === 'form') forms.set(layer + buid, name)
  }
  return rows
    .filter((row) => !known.has(row))
    .map((row) => {
      const [layer, buid] = JSON.parse(row)
      return { side, form: forms.get(layer + buid) ?? '', row }
    })
}

/** `sync_020` in a process of its own. */
export class ServiceProcess {
  private child: ChildProcess | null = null

  private constructor(
    private readonly args: readonly string[],
    private readonly logPath: string,
    readonly url: string,
  ) {}

  /** @param more further options */
  static async of(
    pair: Pair,
    src = pair.source.url,
    dest = pair.dest.url,
    more: readonly string[] = [],
  ): Promise<ServiceProcess> {
    const telepath = `127.0.0.1:${await freePort()}/`
    const urls = ['--src', src, '--dest', dest, '--offsfile', pair.offsfile, '--telepath', `tcp://${telepath}`]
    const args = [
      join(pair.dir, 'service'),
      ...urls,
      '--https',
      '0',
      '--auth-passwd',
      'secret',
      '--poll_s',
      '1',
      ...more,
    ]
    return new ServiceProcess(args, join(pair.dir, 'service.log'), `tcp://root:secret@${telepath}`)
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [SERVICE, ...this.args], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.child = child
    const log = createWriteStream(this.logPath, { flags: 'a' })
    child.stderr.pipe(log)
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve())
      child.once('exit', (code) => reject(new Error(`sync_020 has ended with ${code}`)))
    })
  }

  get pid(): number {
    return this.child?.pid ?? 0
  }

  async kill(): Promise<void> {
    await this.end('SIGKILL')
  }

  async stop(): Promise<void> {
    await this.end('SIGTERM')
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.child
    this.child = null
    if (child === null || child.exitCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await ended
  }
}

export async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms))
}

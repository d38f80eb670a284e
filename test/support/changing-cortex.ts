import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import type { Release } from './cortex.js'

const SCRIPTS = fileURLToPath(new URL('../../../test/oracle', import.meta.url))
const ORACLE_DIR = process.env.SYNAPSE_ORACLE_DIR ?? join(homedir(), '.cache', 'synapse-migrator', 'oracle')

/** How much of what a Cortex has logged is kept for the message of its end. */
const MOST_SAID = 4_000

/** A real Cortex of any release in a process of its own (test/oracle/changing_cortex.py): changed, read out, killed. */
export class ChangingCortex {
  private child: ChildProcess | null = null
  private answers: AsyncIterator<string> | null = null
  private boundPort = 0
  private said = ''

  constructor(
    readonly release: Release,
    readonly dir: string,
  ) {}

  /** `tcp://root:secret@127.0.0.1:<port>/`, the same after each start. */
  get url(): string {
    return `tcp://root:secret@127.0.0.1:${this.boundPort}/`
  }

  get port(): number {
    return this.boundPort
  }

  get pid(): number {
    return this.child?.pid ?? 0
  }

  async start(): Promise<this> {
    const python = join(ORACLE_DIR, this.release, 'bin', 'python')
    const args = ['-W', 'ignore', join(SCRIPTS, 'changing_cortex.py'), this.dir, String(this.boundPort)]
    const env = { ...process.env, PYTHONPATH: SCRIPTS, PYTHONDONTWRITEBYTECODE: '1' }
    const child = spawn(python, args, { stdio: ['pipe', 'pipe', 'pipe'], env, detached: true })
    this.said = ''
    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.said = (this.said + text).slice(-MOST_SAID)
    })
    this.child = child
    this.answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    this.boundPort = ((await this.answer()) as { port: number }).port
    return this
  }

  /** At least `count` more splices of all kinds, the same for the same seed and state; how many it were. */
  change(seed: number, count: number): Promise<number> {
    return this.ask('change', seed, count) as Promise<number>
  }

  /** Number of splices by layer. */
  splices(): Promise<Record<string, number>> {
    return this.ask('splices') as Promise<Record<string, number>>
  }

  /** Number of splices by type. */
  kinds(): Promise<Record<string, number>> {
    return this.ask('kinds') as Promise<Record<string, number>>
  }

  /** What one of its methods returns. */
  call(method: string, ...args: unknown[]): Promise<unknown> {
    return this.ask('call', method, ...args)
  }

  /** What Storm says. */
  storm(text: string): Promise<string> {
    return this.ask('storm', text) as Promise<string>
  }

  /** Whether triggers and cron jobs are off. */
  async migrationMode(): Promise<boolean> {
    return ((await this.ask('counts')) as { mode: boolean }).mode
  }

  /** Every node, prop, tag and tag prop of every layer, one line each, sorted. */
  async rows(path: string): Promise<string[]> {
    await this.ask('export', path)
    return gunzipSync(readFileSync(path)).toString('utf8').split('\n').slice(0, -1)
  }

  async stop(): Promise<void> {
    const child = this.child
    if (child === null) return
    this.child = null
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.stdin?.end()
    await ended
  }

  kill(): Promise<void> {
    return this.end('SIGKILL')
  }

  /** SIGKILL between two writes of nodes with their splices; what was not committed is lost. */
  killBetweenWrites(): Promise<void> {
    return this.end('SIGUSR1')
  }

  /** Stands still, with all connections open. */
  async freeze(ms: number): Promise<void> {
    const child = this.child
    child?.kill('SIGSTOP')
    await new Promise((resolve) => setTimeout(resolve, ms))
    child?.kill('SIGCONT')
  }

  /** Sets the password of root, which is `secret` otherwise. */
  async setPasswd(passwd: string): Promise<void> {
    await this.ask('passwd', passwd)
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.child
    if (child === null) return
    this.child = null
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await ended
    // The newest release has processes of its own, which would outlive it.
    try {
      process.kill(-(child.pid as number), 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }

  private async ask(...command: unknown[]): Promise<unknown> {
    this.child?.stdin?.write(`${JSON.stringify(command)}\n`)
    const answer = await this.answer()
    const error = (answer as { error?: string } | null)?.error
    if (error !== undefined) throw new Error(`the ${this.release} Cortex failed: ${error}`)
    return answer
  }

  private async answer(): Promise<unknown> {
    const line = await this.answers?.next()
    if (line === undefined || line.done) throw new Error(`the ${this.release} Cortex has ended:\n${this.said}`)
    return JSON.parse(line.value)
  }
}

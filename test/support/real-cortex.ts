import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { ORACLE_DIR, ORACLE_SCRIPTS, type Release } from './cortex.js'

/** A message of Storm, `[name, info]`. */
export type StormMessage = [string, Record<string, unknown>]

/** A Cortex of a real release, in a process of its own, at `tcp://root:secret@127.0.0.1:<port>/`. */
export class RealCortex {
  private answers: ((line: string) => void)[] = []
  private stderr = ''
  private readonly ended: Promise<void>

  /** @param env added to the environment */
  static async start(release: Release, dir: string, port = 0, env: NodeJS.ProcessEnv = {}): Promise<RealCortex> {
    const args = ['-W', 'ignore', `${ORACLE_SCRIPTS}/serve_cortex.py`, dir, String(port)]
    const child = spawn(pythonOf(release), args, { env: { ...process.env, ...env } })
    const cortex = new RealCortex(child)
    const { port: bound, err } = JSON.parse(await cortex.line())
    if (err !== undefined) throw new Error(err)
    cortex.port = bound
    return cortex
  }

  port = 0

  private constructor(private readonly child: ChildProcessWithoutNullStreams) {
    child.stdin.on('error', () => {}) // told by its end
    createInterface(child.stdout).on('line', (line) => this.answers.shift()?.(line))
    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.stderr += text
    })
    this.ended = new Promise((resolve) => {
      child.on('close', () => {
        for (const each of this.answers.splice(0)) each(JSON.stringify({ err: `the Cortex ended:\n${this.stderr}` }))
        resolve()
      })
    })
  }

  get url(): string {
    return `tcp://root:secret@127.0.0.1:${this.port}/`
  }

  /** What it has logged. */
  get log(): string {
    return this.stderr
  }

  async storm(text: string): Promise<StormMessage[]> {
    return (await this.ask({ storm: text })) as StormMessage[]
  }

  /** What Storm printed; a Storm error is thrown. */
  async prints(text: string): Promise<string[]> {
    const messages = await this.storm(text)
    const failed = messages.find(([name]) => name === 'err')
    if (failed) throw new Error(`Storm failed: ${JSON.stringify(failed[1])}`)
    return messages.filter(([name]) => name === 'print').map(([, info]) => String(info.mesg))
  }

  /** Listens at another address; returns its port. */
  async listen(url: string): Promise<number> {
    return (await this.ask({ listen: url })) as number
  }

  call(method: string, ...args: unknown[]): Promise<unknown> {
    return this.ask({ call: [method, ...args] })
  }

  async stop(): Promise<void> {
    this.child.stdin.end()
    await this.ended
  }

  kill(): Promise<void> {
    this.child.kill('SIGKILL')
    return this.ended
  }

  private async ask(todo: object): Promise<unknown> {
    if (this.child.exitCode !== null) throw new Error(`the Cortex has ended:\n${this.stderr}`)
    const line = this.line()
    this.child.stdin.write(`${JSON.stringify(todo)}\n`)
    const { ok, err } = JSON.parse(await line)
    if (err !== undefined) throw new Error(err)
    return ok
  }

  private line(): Promise<string> {
    return new Promise((resolve) => this.answers.push(resolve))
  }
}

export type Called = { ok: unknown } | { exc: string; info: Record<string, unknown> }

/** Makes calls with the telepath client of a release; `env` is added to the environment. */
export async function callWith(
  release: Release,
  url: string,
  calls: [string, unknown[], object][],
  env: NodeJS.ProcessEnv = {},
): Promise<Called[]> {
  const args = ['-W', 'ignore', `${ORACLE_SCRIPTS}/telepath_client.py`, url, JSON.stringify(calls)]
  const { stdout } = await promisify(execFile)(pythonOf(release), args, { env: { ...process.env, ...env } })
  return JSON.parse(stdout)
}

function pythonOf(release: Release): string {
  return `${ORACLE_DIR}/${release}/bin/python`
}

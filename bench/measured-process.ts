import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'

const POLL_MS = 25
/** bash reports exact CPU times of what it waited for; /proc would miss those since the last look. */
const TIMED = 'TIMEFORMAT="TIMES %R %U %S"; time "$@" >"$0" 2>&1'

export interface MeasuredOptions {
  /** Where the output of the process goes. */
  readonly logPath: string
  readonly env?: NodeJS.ProcessEnv
  /** SIGKILL after so long. */
  readonly killAfterMs?: number
}

/** One whole process, its start included, with all its children. */
export interface Measured {
  readonly exitCode: number | null
  readonly wallMs: number
  readonly userMs: number
  readonly sysMs: number
  /** Highest resident size, pages of mapped files included. */
  readonly peakRssBytes: number
  /** Highest RssAnon + RssShmem: memory that is the process's own. Seen by looking every 25 ms. */
  readonly peakOwnBytes: number
}

/** Processor time of all its threads and children. */
export function cpuMs({ userMs, sysMs }: Measured): number {
  return userMs + sysMs
}

/** For tables. */
export function seconds(ms: number): string {
  return (ms / 1000).toFixed(2)
}

/** Runs a command, measures it from the outside, and looks at /proc for its memory (Linux only). */
export function measureProcess(command: readonly string[], options: MeasuredOptions): Promise<Measured> {
  mkdirSync(dirname(options.logPath), { recursive: true })
  return new Promise((resolve, reject) => {
    const startedAt = performance.now()
    const shell = spawn('bash', ['-c', TIMED, options.logPath, ...command], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: options.env ?? process.env,
    })
    let times = ''
    let peakRssBytes = 0
    let peakOwnBytes = 0
    shell.stderr.setEncoding('utf8').on('data', (text) => {
      times += text
    })
    const pid = shell.pid ?? 0
    const poll = setInterval(() => {
      const memory = memoryOf(descendants(pid))
      peakRssBytes = Math.max(peakRssBytes, memory.rss)
      peakOwnBytes = Math.max(peakOwnBytes, memory.own)
    }, POLL_MS)
    const killer =
      options.killAfterMs === undefined
        ? undefined
        : setTimeout(() => {
            for (const child of descendants(pid)) process.kill(child, 'SIGKILL')
          }, options.killAfterMs)
    shell.on('error', reject)
    shell.on('close', (exitCode) => {
      clearInterval(poll)
      clearTimeout(killer)
      const found = /TIMES ([\d.]+) ([\d.]+) ([\d.]+)/.exec(times)
      if (found === null) {
        reject(new Error(`bash reported no times for ${command.join(' ')}: ${times}`))
        return
      }
      const [wallMs, userMs, sysMs] = found.slice(1).map((seconds) => Number(seconds) * 1000)
      const outsideMs = performance.now() - startedAt
      resolve({ exitCode, wallMs: Math.min(wallMs, outsideMs), userMs, sysMs, peakRssBytes, peakOwnBytes })
    })
  })
}

/** The end of a log, for messages. */
export function tailOf(path: string): string {
  return readFileSync(path, 'utf8').split('\n').slice(-15).join('\n')
}

function descendants(pid: number): number[] {
  const found: number[] = []
  for (const child of childrenOf(pid)) found.push(child, ...descendants(child))
  return found
}

/** Processes started by any thread of `pid`. */
function childrenOf(pid: number): number[] {
  const threads = threadsOf(pid).map((thread) => readOrEmpty(`/proc/${pid}/task/${thread}/children`))
  return threads.join(' ').split(' ').filter(Boolean).map(Number)
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

function memoryOf(pids: readonly number[]): { rss: number; own: number } {
  let rss = 0
  let own = 0
  for (const pid of pids) {
    for (const [, name, kib] of readOrEmpty(`/proc/${pid}/status`).matchAll(/^(VmHWM|RssAnon|RssShmem):\s+(\d+)/gm)) {
      if (name === 'VmHWM') rss += Number(kib) * 1024
      else own += Number(kib) * 1024
    }
  }
  return { rss, own }
}

/** A process may be gone between two looks. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

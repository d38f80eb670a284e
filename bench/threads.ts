// What each thread of a run does: `npm run bench:threads -- --src /cortex --workers 1,2,4 --cores 0,1`
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { machineText } from './machine.js'
import { LAUNCHER, makeCortex, settle, warm } from './made-cortex.js'
import { seconds } from './measured-process.js'
import { tableText } from './statistics.js'

const POLL_MS = 20
/** The system counts in hundredths of a second. */
const TICK_MS = 10
const NS_PER_MS = 1e6
const NAMER = fileURLToPath(new URL('./name-thread.cjs', import.meta.url))
/** What a thread runs, by its script. All that Node and V8 start for themselves have none. */
const KINDS: readonly (readonly [script: RegExp, kind: string])[] = [
  [/migrate_020\.mjs$/, 'coordinator'],
  [/piscina/, 'workers'],
  [/writer/, 'writer'],
  [/heartbeat/, 'heartbeat'],
]
const OTHERS = 'V8 and libuv'

interface ThreadTimes {
  readonly userMs: number
  readonly sysMs: number
  /** How often it gave up its core to wait for something, and how long it then was ready but had none. */
  readonly waits: number
  readonly queuedMs: number
}

interface Point {
  readonly workers: number
  readonly cores: string
  readonly wallMs: number
  readonly kinds: ReadonlyMap<string, ThreadTimes>
}

const { values: args } = parseArgs({
  options: {
    nodes: { type: 'string', default: '250000' },
    seed: { type: 'string', default: '1' },
    forms: { type: 'string' },
    src: { type: 'string' },
    workers: { type: 'string', default: '1,2,4' },
    /** Which cores the run may use, as `taskset -c` takes it; several settings by a slash. */
    cores: { type: 'string', default: '' },
    dir: { type: 'string', default: tmpdir() },
  },
})

mkdirSync(args.dir, { recursive: true })
const dir = mkdtempSync(join(resolve(args.dir), 'bench-threads-'))
try {
  console.log(machineText())
  const src = args.src ?? join(dir, 'src')
  if (args.src === undefined) makeCortex(src, { nodes: Number(args.nodes), seed: Number(args.seed), forms: args.forms })
  warm(src)
  const points: Point[] = []
  for (const cores of args.cores.split('/'))
    for (const workers of args.workers.split(',')) points.push(await measure(src, Number(workers), cores))
  console.log(`\n${pointsText(points)}`)
} finally {
  rmSync(dir, { recursive: true, force: true })
}

async function measure(src: string, workers: number, cores: string): Promise<Point> {
  const names = join(dir, 'names')
  const dest = join(dir, 'dest')
  rmSync(dest, { recursive: true, force: true })
  writeFileSync(names, '')
  settle()
  const pinned = cores === '' ? [] : ['taskset', '-c', cores]
  const command = [...pinned, process.execPath, LAUNCHER, '--src', src, '--dest', dest, '--workers', String(workers)]
  const env = { ...process.env, NODE_OPTIONS: `--require ${NAMER}`, THREAD_NAMES: names }
  const startedMs = performance.now()
  const child = spawn(command[0], command.slice(1), { env, stdio: 'ignore' })
  const times = new Map<string, ThreadTimes>()
  const poll = setInterval(() => look(child.pid ?? 0, times), POLL_MS)
  const status = await new Promise((done) => child.on('close', done))
  clearInterval(poll)
  if (status !== 0) throw new Error(`migrate_020 ended with ${status}`)
  const wallMs = performance.now() - startedMs
  rmSync(dest, { recursive: true, force: true })
  return { workers, cores, wallMs, kinds: byKind(times, names) }
}

/** Notes what all threads have used so far: of one that ends, all but the last `POLL_MS`. */
function look(pid: number, times: Map<string, ThreadTimes>): void {
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const at = `/proc/${pid}/task/${thread}`
      const fields = readFileSync(`${at}/stat`, 'latin1')
        .replace(/^.*\) /, '')
        .split(' ')
      const waits = Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(readFileSync(`${at}/status`, 'latin1'))?.[1])
      const queuedMs = Number(readFileSync(`${at}/schedstat`, 'latin1').split(' ')[1]) / NS_PER_MS
      times.set(thread, { userMs: Number(fields[11]) * TICK_MS, sysMs: Number(fields[12]) * TICK_MS, waits, queuedMs })
    }
  } catch (error) {
    // A thread, or the whole process, has ended since it was listed.
    if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

function byKind(times: ReadonlyMap<string, ThreadTimes>, names: string): Map<string, ThreadTimes> {
  const scripts = new Map(
    readFileSync(names, 'utf8')
      .split('\n')
      .map((line) => line.split(' ') as [string, string]),
  )
  const kinds = new Map<string, ThreadTimes>()
  for (const [thread, { userMs, sysMs, waits, queuedMs }] of times) {
    const script = scripts.get(thread) ?? ''
    const kind = KINDS.find(([pattern]) => pattern.test(script))?.[1] ?? OTHERS
    const sum = kinds.get(kind) ?? { userMs: 0, sysMs: 0, waits: 0, queuedMs: 0 }
    kinds.set(kind, {
      userMs: sum.userMs + userMs,
      sysMs: sum.sysMs + sysMs,
      waits: sum.waits + waits,
      queuedMs: sum.queuedMs + queuedMs,
    })
  }
  return kinds
}

function pointsText(points: readonly Point[]): string {
  const head = ['workers, cores', 'wall, s', 'thread', 'user, s', 'system, s', 'waits', 'queued, s']
  const rows = points.flatMap(({ workers, cores, wallMs, kinds }) =>
    [...KINDS.map(([, kind]) => kind), OTHERS].map((kind, i) => {
      const { userMs, sysMs, waits, queuedMs } = kinds.get(kind) ?? { userMs: 0, sysMs: 0, waits: 0, queuedMs: 0 }
      const run = i === 0 ? [`${workers}, ${cores === '' ? 'all' : cores}`, seconds(wallMs)] : ['', '']
      return [...run, kind, seconds(userMs), seconds(sysMs), String(waits), seconds(queuedMs)]
    }),
  )
  return tableText(head, rows)
}

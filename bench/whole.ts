// The reference and ours in turns, whole processes, on the same Cortex: `npm run bench:whole -- --nodes 250000 --runs 3`
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type DestFacts, readDest } from './dest-facts.js'
import { machineText } from './machine.js'
import { LAUNCHER, makeCortex, settle, warm } from './made-cortex.js'
import { cpuMs, type Measured, measureProcess, seconds, tailOf } from './measured-process.js'
import { spreadOf, tableText } from './statistics.js'

const USAGE = `npm run bench:whole -- [options]

Runs migrate_020 of Synapse 0.2.0rc18 and ours in turns on one 0.1.x Cortex and compares time, memory and pages.

  --nodes N      make a Cortex of N nodes (250000)
  --seed S       its seed (1)
  --forms N      with N forms, or all (15)
  --forks N      with N forks, each of which changes a tenth of the nodes (0)
  --src DIR      take this Cortex instead
  --runs N       pairs of runs (3)
  --ops LIST     of all, nodes, splices; several by comma (all)
  --workers N    worker threads of ours (one for each core)
  --memory SIZE  of ours, like 512M
  --ours-only    leave the reference out
  --kill-at F    then kill one run of ours at this part of the usual time, and measure --from-last
  --dir DIR      where to work; about 8 KB a node (the system's temporary directory)
  --keep         keep what was made
  --json FILE    also write all figures to a file

The reference is $SYNAPSE_ORACLE_DIR/rc18, by default in ~/.cache/synapse-migrator/oracle: test/oracle/setup.sh installs it.
`
/** What each choice of `--ops` runs, on both sides: a model is needed by all. */
const OPS: Readonly<Record<string, readonly string[]>> = {
  all: [],
  nodes: ['--migr-ops', 'dirn', 'dmodel', 'nodes'],
  splices: ['--migr-ops', 'dirn', 'dmodel', 'splices'],
}
const MIB = 2 ** 20
/** A run that ends before it is killed is tried again, so often and each time a little earlier. */
const KILL_TRIES = 4

type Side = 'reference' | 'ours'
interface Run extends Measured, DestFacts {
  readonly side: Side
  readonly pair: number
}

const { values: args } = parseArgs({
  options: {
    nodes: { type: 'string', default: '250000' },
    seed: { type: 'string', default: '1' },
    forms: { type: 'string' },
    forks: { type: 'string' },
    src: { type: 'string' },
    runs: { type: 'string', default: '3' },
    ops: { type: 'string', default: 'all' },
    workers: { type: 'string' },
    memory: { type: 'string' },
    'ours-only': { type: 'boolean', default: false },
    'kill-at': { type: 'string' },
    dir: { type: 'string', default: tmpdir() },
    keep: { type: 'boolean', default: false },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (args.help) console.log(USAGE)
else await main()

async function main(): Promise<void> {
  const ops = args.ops.split(',')
  const unknown = ops.find((op) => !(op in OPS))
  if (unknown !== undefined) throw new Error(`Cannot run --ops ${unknown}: choose from ${Object.keys(OPS).join(', ')}`)
  const python = referencePython()
  mkdirSync(args.dir, { recursive: true })
  const dir = mkdtempSync(join(resolve(args.dir), 'bench-whole-'))
  try {
    const src = takeSource(dir)
    const machine = machineText()
    console.log(machine)
    const { nodes, seed } = args
    const results: Record<string, unknown> = {
      machine,
      source: args.src ?? { nodes: Number(nodes), seed: Number(seed) },
    }
    for (const op of ops) {
      results[op] = await compare(op, src, dir, python)
      // What was measured stays, whatever comes of the next.
      if (args.json !== undefined) writeFileSync(args.json, `${JSON.stringify(results, null, 2)}\n`)
    }
  } finally {
    if (args.keep) console.log(`Kept in ${dir}`)
    else rmSync(dir, { recursive: true, force: true })
  }
}

async function compare(op: string, src: string, dir: string, python: string | null): Promise<unknown> {
  const sides: Side[] = python === null ? ['ours'] : ['reference', 'ours']
  const runs: Run[] = []
  for (let pair = 0; pair < Number(args.runs); pair++) {
    // Who goes first has the other's dirty pages behind it: they take turns in that as well.
    for (const side of pair % 2 === 0 ? sides : [...sides].reverse()) {
      runs.push(await measure(side, pair, op, src, dir, python))
    }
  }
  const title = [`--ops ${op}`, `${args.runs} runs`, args.workers === undefined ? '' : `${args.workers} workers`]
  console.log(`\n${title.filter(Boolean).join(', ')}\n`)
  console.log(runsText(sides, runs))
  const of = (side: Side) => runs.filter((run) => run.side === side)
  const ratios = python === null ? null : ratiosOf(of('reference'), of('ours'))
  if (ratios !== null) console.log(`\n${ratiosText(ratios)}`)
  const equal = checkCounts(runs)
  console.log(`\n${equal}`)
  const kill =
    args['kill-at'] === undefined ? null : await killAndResume(Number(args['kill-at']), op, src, dir, of('ours'))
  return { runs, ratios, kill }
}

async function measure(
  side: Side,
  pair: number,
  op: string,
  src: string,
  dir: string,
  python: string | null,
): Promise<Run> {
  const dest = join(dir, `dest-${side}`)
  rmSync(dest, { recursive: true, force: true })
  const command = side === 'ours' ? oursCommand(src, dest, op) : referenceCommand(python ?? '', src, dest, op)
  const logPath = join(dir, `${side}-${op}-${pair}.log`)
  settle()
  const measured = await measureProcess(command, { logPath })
  if (measured.exitCode !== 0) {
    throw new Error(`${command.join(' ')}\nended with exit code ${measured.exitCode}\n${tailOf(logPath)}`)
  }
  const facts = readDest(dest)
  if (!args.keep) rmSync(dest, { recursive: true, force: true })
  process.stderr.write(`${op} ${side} ${pair + 1}: ${seconds(measured.wallMs)} s\n`)
  return { side, pair, ...measured, ...facts }
}

/** Kills a run of ours when that part of the median time has passed, continues with it, and compares with a full run. */
async function killAndResume(
  part: number,
  op: string,
  src: string,
  dir: string,
  full: readonly Run[],
): Promise<unknown> {
  const fullMs = spreadOf(full.map((run) => run.wallMs)).median
  const dest = join(dir, 'dest-killed')
  for (let attempt = 0; attempt < KILL_TRIES; attempt++) {
    const killAfterMs = fullMs * (part - 0.03 * attempt)
    rmSync(dest, { recursive: true, force: true })
    settle()
    const command = oursCommand(src, dest, op)
    const killed = await measureProcess(command, { logPath: join(dir, 'killed.log'), killAfterMs })
    if (killed.exitCode === 0) continue
    settle()
    const logPath = join(dir, 'resumed.log')
    const resumed = await measureProcess([...command, '--from-last'], { logPath })
    if (resumed.exitCode !== 0) throw new Error(`--from-last ended with ${resumed.exitCode}\n${tailOf(logPath)}`)
    const facts = readDest(dest)
    rmSync(dest, { recursive: true, force: true })
    if (facts.nodes !== full[0].nodes || facts.changes !== full[0].changes) {
      throw new Error(`A resumed run left ${JSON.stringify(facts)}, a full one ${JSON.stringify(full[0])}`)
    }
    const share = resumed.wallMs / fullMs
    const fullCpuMs = spreadOf(full.map(cpuMs)).median
    const cpuShare = cpuMs(resumed) / fullCpuMs
    console.log(
      `\nKilled after ${seconds(killed.wallMs)} s of ${seconds(fullMs)} s, then --from-last: ` +
        `${seconds(resumed.wallMs)} s, ${percent(share)} of a full run; ` +
        `CPU ${seconds(cpuMs(resumed))} s of ${seconds(fullCpuMs)} s, ${percent(cpuShare)}`,
    )
    return { killAfterMs, fullMs, resumedMs: resumed.wallMs, share, cpuShare }
  }
  console.log(`\nNO RUN COULD BE KILLED: all ${KILL_TRIES} were done before`)
  process.exitCode = 1
  return null
}

interface Ratios {
  /** Reference by ours, for each pair, and best by best. */
  readonly wall: readonly number[]
  readonly best: number
  readonly cpu: number
  readonly ownMemory: number
  /** Ours by reference; null when no nodes were migrated. */
  readonly pages: number | null
}

function ratiosOf(reference: readonly Run[], ours: readonly Run[]): Ratios {
  const best = (runs: readonly Run[], pick: (run: Run) => number) => Math.min(...runs.map(pick))
  return {
    wall: ours.map((run) => (reference.find(({ pair }) => pair === run.pair)?.wallMs ?? Number.NaN) / run.wallMs),
    best: best(reference, (run) => run.wallMs) / best(ours, (run) => run.wallMs),
    cpu: best(reference, cpuMs) / best(ours, cpuMs),
    ownMemory: best(reference, (run) => run.peakOwnBytes) / best(ours, (run) => run.peakOwnBytes),
    pages: ours[0].nodes === 0 ? null : ours[0].layerPages / reference[0].layerPages,
  }
}

function ratiosText({ wall, best, cpu, pages }: Ratios): string {
  const { min, median, max } = spreadOf(wall)
  return [
    `Speed-up by pairs: min ${times(min)}, median ${times(median)}, max ${times(max)}; best by best: ${times(best)}`,
    `CPU time, best by best: ${times(cpu)} less`,
    ...(pages === null ? [] : [`Pages of layer_v2 without free ones: ${pages.toFixed(3)} of the reference's`]),
  ].join('\n')
}

function runsText(sides: readonly Side[], runs: readonly Run[]): string {
  const rows = sides.flatMap((side) => {
    const of = runs.filter((run) => run.side === side)
    const row = (name: string, pick: (run: Run) => number, show: (value: number) => string) => {
      const { min, median, max } = spreadOf(of.map(pick))
      return [`${side}: ${name}`, show(min), show(median), show(max)]
    }
    return [
      row('wall, s', (run) => run.wallMs, seconds),
      row('user + sys CPU, s', cpuMs, seconds),
      row('peak RSS, MiB', (run) => run.peakRssBytes, mebibytes),
      row('peak RssAnon + RssShmem, MiB', (run) => run.peakOwnBytes, mebibytes),
      row('nodes', (run) => run.nodes, String),
      row('rows of node edits', (run) => run.nodeEdits, String),
      row('changes in them', (run) => run.changes, String),
      row('layer_v2 pages', (run) => run.layerPages, String),
      row('layer_v2 free pages', (run) => run.freePages, String),
    ]
  })
  return tableText(['', 'min', 'median', 'max'], rows)
}

/** A fast run that loses something would be worth nothing. The reference leaves out the last splice of each layer. */
function checkCounts(runs: readonly Run[]): string {
  const ours = runs.filter(({ side }) => side === 'ours')
  const [first] = ours
  const odd = runs.find((run) => {
    const lacking = first.changes - run.changes
    return run.nodes !== first.nodes || lacking < 0 || lacking > (run.side === 'ours' ? 0 : run.layers)
  })
  if (odd === undefined) return `Counts agree: ${first.nodes} nodes, ${first.changes} changes in the log of node edits`
  const text = ({ side, nodes, changes }: Run) => `${side}: ${nodes} nodes, ${changes} changes`
  process.exitCode = 1
  return `COUNTS DIFFER: ${text(first)}; ${text(odd)}`
}

function takeSource(dir: string): string {
  if (args.src !== undefined) {
    warm(args.src)
    return args.src
  }
  const src = join(dir, 'src')
  makeCortex(src, { nodes: Number(args.nodes), seed: Number(args.seed), forms: args.forms, forks: args.forks })
  return src
}

function oursCommand(src: string, dest: string, op: string): string[] {
  const workers = args.workers === undefined ? [] : ['--workers', args.workers]
  const memory = args.memory === undefined ? [] : ['--memory', args.memory]
  return [process.execPath, LAUNCHER, '--src', src, '--dest', dest, ...workers, ...memory, ...OPS[op]]
}

function referenceCommand(python: string, src: string, dest: string, op: string): string[] {
  return [python, '-W', 'ignore', '-m', 'synapse.tools.migrate_020', '--src', src, '--dest', dest, ...OPS[op]]
}

function referencePython(): string | null {
  if (args['ours-only']) return null
  const dir = process.env.SYNAPSE_ORACLE_DIR ?? join(homedir(), '.cache', 'synapse-migrator', 'oracle')
  const python = join(dir, 'rc18', 'bin', 'python')
  if (existsSync(python)) return python
  throw new Error(`There is no ${python}: run test/oracle/setup.sh, or give --ours-only`)
}

function mebibytes(bytes: number): string {
  return (bytes / MIB).toFixed(0)
}

function times(value: number): string {
  return `${value.toFixed(1)}x`
}

function percent(value: number): string {
  return `${(value * 100).toFixed(0)} %`
}

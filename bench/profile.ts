// Where the time of worker threads goes, per node: `npm run bench:profile -- --nodes 50000`
import { mkdtempSync, rmSync } from 'node:fs'
import { Session } from 'node:inspector'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Stage, sampleWork, type WorkSample } from '../src/forecast/sample-work.js'
import { machineText } from './machine.js'
import { makeCortex, warm } from './made-cortex.js'
import { tableText } from './statistics.js'

const INTERVAL_US = 200
/** The first rule that a frame meets names its part of the budget: what the function is called, and where it is. */
const PARTS: readonly (readonly [part: string, name: RegExp, file: RegExp])[] = [
  ['garbage collection', /^\(garbage collector\)$/, /^/],
  ['read files', /^(readSync|read)$/, /^/],
  ['sync', /^f(data)?sync(Sync)?$/, /^/],
  ['write runs', /^(writeSync|writeBuffer)$/, /^/],
  ['scan pages', /^/, /page\/page-reader/],
  ['decode', /^(decode|skip|text|utf8|decodeAt)/, /bytes\/msgpack/],
  ['encode', /^/, /bytes\/msgpack/],
  ['kernel', /^wasm-function|^src\/kernel\/assembly/, /^/],
  ['hash', /^/, /bytes\/hash|internal\/crypto|xxhash/],
  ['kernel', /^/, /^wasm:|src\/kernel\//],
  ['hash', /^(hash|oneShotDigest)$/, /^/],
  ['norm', /^/, /src\/model\//],
  ['encode index', /^/, /src\/stortype\/|translate\/index-rows/],
  ['sort', /^/, /run\/sort-rows/],
  ['sort', /^sort$/, /^$/],
  ['write runs', /^/, /run\/run-file/],
  ['merge', /^/, /run\/run-merge|tasks\/merge-runs/],
  ['build pages', /^/, /src\/page\//],
  ['translate', /^/, /src\/translate\//],
  ['translate', /^/, /span-map/],
  ['write runs', /^/, /msgpackr/],
  ['decode', /^/, /src\/bytes\//],
  ['buffers', /^/, /node:(internal\/)?buffer/],
  ['V8 itself, waiting', /^\((program|idle)\)$/, /^/],
  ['go through nodes', /^/, /src\/migrate\/|src\/stream\/|src\/source\//],
]
const OTHER = 'other'
/** Starting and stopping the profiler, which is none of ours. */
const PROFILER = /^dispatch$/

interface Profile {
  readonly nodes: readonly { id: number; callFrame: { functionName: string; url: string } }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const { values: args } = parseArgs({
  options: {
    nodes: { type: 'string', default: '50000' },
    seed: { type: 'string', default: '1' },
    /** As synthetic-layer takes it. */
    forms: { type: 'string' },
    forks: { type: 'string' },
    /** Takes this Cortex instead of a made one. */
    src: { type: 'string' },
    /** Partitions and splice ranges of 8 MiB to work on. */
    parts: { type: 'string', default: '8' },
  },
})

const dir = mkdtempSync(join(tmpdir(), 'bench-profile-'))
const session = new Session()
session.connect()
post('Profiler.enable')
post('Profiler.setSamplingInterval', { interval: INTERVAL_US })
try {
  const src = args.src ?? join(dir, 'src')
  if (args.src === undefined)
    makeCortex(src, { nodes: Number(args.nodes), seed: Number(args.seed), forms: args.forms, forks: args.forks })
  else warm(src)
  const profiles = new Map<Stage, Profile>()
  const sample = sampleWork(src, {
    dir,
    parts: Number(args.parts),
    workers: 1,
    memoryBytes: 2 ** 30,
    around: (stage, pass) => {
      post('Profiler.start')
      const result = pass()
      profiles.set(stage, post('Profiler.stop').profile as Profile)
      return result
    },
  })
  console.log(machineText())
  for (const [stage, profile] of profiles) console.log(`\n${budgetText(stage, profile, sample)}`)
} finally {
  session.disconnect()
  rmSync(dir, { recursive: true, force: true })
}

function budgetText(stage: Stage, profile: Profile, sample: WorkSample): string {
  const [count, unit] = stage === 'splices' ? [sample.splices, 'splice'] : [sample.nodes, 'node']
  const budget = budgetOf(profile)
  const total = [...budget.values()].reduce((sum, us) => sum + us, 0)
  const rows = [...budget, ['all', total] as const]
    .sort(([, a], [, b]) => b - a)
    .map(([part, us]) => [part, ((us * 1000) / count).toFixed(0), `${((us / total) * 100).toFixed(1)} %`])
  const title = `${stage}: ${count} ${unit}s, one thread, ${(total / 1000).toFixed(0)} ms`
  return `${title}\n\n${tableText(['', `ns/${unit}`, 'share'], rows)}`
}

/** Self time by part, in microseconds. */
function budgetOf({ nodes, samples, timeDeltas }: Profile): Map<string, number> {
  const ours = nodes.filter(({ callFrame }) => !PROFILER.test(callFrame.functionName))
  const parts = new Map(ours.map(({ id, callFrame }) => [id, partOf(callFrame)]))
  const budget = new Map<string, number>()
  samples.forEach((id, i) => {
    const part = parts.get(id)
    if (part === undefined) return
    budget.set(part, (budget.get(part) ?? 0) + timeDeltas[i])
  })
  return budget
}

function partOf({ functionName, url }: { functionName: string; url: string }): string {
  const rule = PARTS.find(([, name, file]) => name.test(functionName) && file.test(url))
  return rule?.[0] ?? OTHER
}

/** Sessions of the own thread answer at once. */
function post(method: string, params: object = {}): { profile?: unknown } {
  let answer: { profile?: unknown } = {}
  session.post(method, params, (err, result) => {
    if (err !== null) throw err
    answer = (result ?? {}) as { profile?: unknown }
  })
  return answer
}

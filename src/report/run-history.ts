import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod/mini'
import { cortexPaths } from '../layout/paths.js'
import { DIFFERENCE_NAMES } from '../migrate/differences.js'
import { writeWhole } from '../slab/write-whole.js'

const count = z.int().check(z.nonnegative())
const text = z.string()

/** Rows, parts or splices that were done at a time of the run, counted from zero for each phase. */
const sample = z.strictObject({ elapsedMs: count, phase: text, unit: text, done: count })

/** What the worker threads had done with their time by then, in milliseconds of one thread, all of them together. */
const waitSample = z.strictObject({ elapsedMs: count, workMs: count, writerMs: count, diskMs: count, idleMs: count })

const layerCounts = z.strictObject({
  iden: text,
  nodes: count,
  migrated: count,
  reduced: count,
  nodedata: count,
  nodedataMigrated: count,
  splices: count,
  nodeEdits: count,
  spliceErrors: count,
  errorCount: count,
})

/** One run that had the destination to itself. */
export const runRecord = z.strictObject({
  runId: text,
  version: text,
  startedMs: count,
  /** Null until it ends; it stays so when it is killed. */
  endedMs: z.nullable(count),
  exitCode: z.nullable(count),
  /** What stopped it, and what to do about that. */
  failure: z.nullable(z.strictObject({ message: text, hint: z.nullable(text) })),
  isDryRun: z.boolean(),
  /** What it was asked for; nothing of it is secret. */
  options: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string()), z.null()])),
  host: z.strictObject({ name: text, system: text, node: text, cores: count, memoryBytes: count }),
  /** Counts by layer and what it noted; null when it did not finish. */
  layers: z.nullable(z.array(layerCounts)),
  errorCount: z.nullable(count),
  openErrorCount: z.nullable(count),
  /** Errors and notes by step and kind; of a dry run they are nowhere else. */
  errorKinds: z.array(z.strictObject({ step: text, code: text, errors: count })),
  notes: z.array(text),
  /** How often it did otherwise than the reference; runs of earlier versions, and those that did not finish, have none. */
  differences: z.optional(z.partialRecord(z.enum(DIFFERENCE_NAMES), count)),
  samples: z.array(sample),
  /** Runs of earlier versions have none. */
  waits: z.optional(z.array(waitSample)),
  /** What `--verify` found, as `verify --json` prints it; null when it did not run. */
  verify: z.nullable(z.looseObject({ ok: z.boolean() })),
})

export type RunRecord = z.infer<typeof runRecord>

/** What is known of a run when it starts. */
export type RunStart = Pick<RunRecord, 'runId' | 'version' | 'isDryRun' | 'options' | 'host'>

/** A run that has just started and has nothing to tell. */
export function startedRun(start: RunStart): RunRecord {
  return {
    ...start,
    startedMs: Date.now(),
    endedMs: null,
    exitCode: null,
    failure: null,
    layers: null,
    errorCount: null,
    openErrorCount: null,
    errorKinds: [],
    notes: [],
    samples: [],
    waits: [],
    verify: null,
  }
}

/** Runs to a destination, the oldest first; null when there is no list of them, or one that cannot be read. */
export function readRuns(destDir: string): RunRecord[] | null {
  const path = runsPath(destDir)
  if (!existsSync(path)) return null
  try {
    return z.array(runRecord).parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return null
  }
}

/** Keeps what is known of a run in `<dest>/migration/runs.json`. A list that cannot be read is begun again. */
export function keepRun(destDir: string, run: RunRecord): void {
  const others = (readRuns(destDir) ?? []).filter(({ runId }) => runId !== run.runId)
  const runs = [...others, run].sort((a, b) => a.startedMs - b.startedMs)
  writeWhole(runsPath(destDir), `${JSON.stringify(runs, null, 1)}\n`)
}

function runsPath(destDir: string): string {
  return join(cortexPaths(destDir).migration.dir, 'runs.json')
}

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod/mini'
import { cortexPaths } from '../layout/paths.js'
import { DIFFERENCE_NAMES } from '../migrate/differences.js'
import { writeWhole } from '../slab/write-whole.js'

const count = z.int().check(z.nonnegative())
const text = z.string()

/** How many rows, parts or splices were done at some time of the run; counted from zero in each phase. */
const sample = z.strictObject({ elapsedMs: count, phase: text, unit: text, done: count })

/** How the worker threads had spent their time by then, in milliseconds of thread time, all threads together. */
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

/** A run that had the destination locked. */
export const runRecord = z.strictObject({
  runId: text,
  version: text,
  startedMs: count,
  /** Null until the run ends, and forever if it is killed. */
  endedMs: z.nullable(count),
  exitCode: z.nullable(count),
  /** What stopped it, and what to do about that. */
  failure: z.nullable(z.strictObject({ message: text, hint: z.nullable(text) })),
  isDryRun: z.boolean(),
  /** Its options; none of them is secret. */
  options: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string()), z.null()])),
  host: z.strictObject({ name: text, system: text, node: text, cores: count, memoryBytes: count }),
  /** Counts and notes by layer; null when it did not finish. */
  layers: z.nullable(z.array(layerCounts)),
  errorCount: z.nullable(count),
  openErrorCount: z.nullable(count),
  /** Errors and notes by step and kind. For a dry run, this is the only place that has them. */
  errorKinds: z.array(z.strictObject({ step: text, code: text, errors: count })),
  notes: z.array(text),
  /**
   * How often it differed from the reference. Absent for runs of earlier versions, and for those that did not finish.
   */
  differences: z.optional(z.partialRecord(z.enum(DIFFERENCE_NAMES), count)),
  samples: z.array(sample),
  /** Absent for runs of earlier versions. */
  waits: z.optional(z.array(waitSample)),
  /** The result of `--verify`, as `verify --json` prints it; null when it did not run. */
  verify: z.nullable(z.looseObject({ ok: z.boolean() })),
})

export type RunRecord = z.infer<typeof runRecord>

/** What we know of a run when it starts. */
export type RunStart = Pick<RunRecord, 'runId' | 'version' | 'isDryRun' | 'options' | 'host'>

/** The record of a run that has just started. */
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

/** Runs to a destination, oldest first; null when there is no readable list of them. */
export function readRuns(destDir: string): RunRecord[] | null {
  const path = runsPath(destDir)
  if (!existsSync(path)) return null
  try {
    return z.array(runRecord).parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return null
  }
}

/** Stores the record of a run in `<dest>/migration/runs.json`. Starts a new list if the old one cannot be read. */
export function keepRun(destDir: string, run: RunRecord): void {
  const others = (readRuns(destDir) ?? []).filter(({ runId }) => runId !== run.runId)
  const runs = [...others, run].sort((a, b) => a.startedMs - b.startedMs)
  writeWhole(runsPath(destDir), `${JSON.stringify(runs, null, 1)}\n`)
}

function runsPath(destDir: string): string {
  return join(cortexPaths(destDir).migration.dir, 'runs.json')
}

import * as z from 'zod/mini'

const count = z.int().check(z.nonnegative())
const text = z.string()

/** How far one phase of one layer has come. */
export const taskStatus = z.strictObject({
  phase: z.enum(['nodes', 'indexes', 'splices', 'verify', 'count']),
  layer: text,
  status: z.enum(['running', 'done']),
  done: count,
  total: count,
  unit: z.enum(['rows', 'nodes', 'splices', 'parts']),
  /** Recent units per second. */
  rate: z.number(),
  /** Seconds left at that rate; null while unknown. */
  eta_s: z.nullable(z.number()),
})

/** The parts of a run, in order: checks, until it has locked the destination; the work; `--verify`; the end. */
export const RUN_PHASES = ['check', 'migrate', 'verify', 'end'] as const

/** The status of a run: `<dest>/migration/status.json`, replaced at most once a second. */
export const runStatus = z.strictObject({
  schema_version: z.literal(1),
  run_id: text,
  version: text,
  source: text,
  dest: z.nullable(text),
  dry_run: z.boolean(),
  /** Identifies the process among those of all containers and hosts. */
  process: z.strictObject({
    host: text,
    boot_id: text,
    pid_namespace: text,
    pid: count,
    start_ticks: text,
  }),
  started_at: text,
  updated_at: text,
  /** Null until the run ends, and forever if it is killed. */
  ended_at: z.nullable(text),
  exit_code: z.nullable(count),
  phase: z.enum(RUN_PHASES),
  tasks: z.array(taskStatus),
  /** Values that could not be migrated so far, without notes. */
  errors: count,
  /** What stopped it, and what to do about that. */
  failure: z.nullable(z.strictObject({ message: text, hint: z.nullable(text) })),
})

export type RunStatus = z.infer<typeof runStatus>
export type RunPhase = (typeof RUN_PHASES)[number]
export type TaskStatus = z.infer<typeof taskStatus>

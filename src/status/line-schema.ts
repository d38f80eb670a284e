import * as z from 'zod/mini'
import { layerCounts } from './layer-counts.js'
import { RUN_PHASES, taskStatus } from './run-status.js'

const count = z.int().check(z.nonnegative())
const text = z.string()

/** How a run ended, by its exit code. */
export const END_STATUSES = ['complete', 'incomplete', 'differs', 'failed', 'interrupted'] as const

const phase = z.enum([...RUN_PHASES, 'nodes', 'indexes', 'splices'])

/** Fields of every line. */
const head = {
  schema_version: z.literal(1),
  run_id: text,
  /** Numbers the lines of a run from 1, so that a reader can see that none is missing. */
  seq: count,
  time: text,
  phase,
  /** Null for the whole run. */
  layer: z.nullable(text),
}

const begin = z.strictObject({
  ...head,
  event: z.literal('begin'),
  status: z.literal('started'),
  version: text,
  source: text,
  dest: z.nullable(text),
  dry_run: z.boolean(),
  host: text,
  pid: count,
})

/** A part of the run begins, or a phase of a layer begins or ends. */
const phaseLine = z.strictObject({
  ...head,
  event: z.literal('phase'),
  status: z.enum(['started', 'done']),
  counts: z.nullable(z.strictObject({ done: count, total: count, unit: text })),
})

const progress = z.strictObject({
  ...head,
  event: z.literal('progress'),
  status: z.literal('running'),
  tasks: z.array(taskStatus),
  errors: count,
})

/** Something the operator should know (`note`), or a log message of level warning or above. */
const note = z.strictObject({
  ...head,
  event: z.enum(['note', 'warning']),
  status: z.literal('running'),
  level: z.enum(['NOTE', 'WARNING', 'ERROR', 'CRITICAL']),
  text,
})

const layerLine = z.strictObject({
  ...head,
  event: z.literal('layer'),
  status: z.literal('done'),
  ...layerCounts,
  nodes_reduced: count,
})

const errors = z.strictObject({
  ...head,
  event: z.literal('errors'),
  status: z.literal('done'),
  total: count,
  /** How many of these are not accepted. */
  open: count,
  kinds: z.array(
    z.strictObject({ step: text, code: text, errors: count, is_note: z.boolean(), meaning: text, cure: text }),
  ),
})

const verify = z.strictObject({
  ...head,
  event: z.literal('verify'),
  status: z.enum(['done', 'failed']),
  differences: count,
  not_compared: z.array(text),
})

const end = z.strictObject({
  ...head,
  event: z.literal('end'),
  status: z.enum(END_STATUSES),
  exit_code: count,
  elapsed_ms: count,
  errors: count,
  message: z.nullable(text),
  hint: z.nullable(text),
})

/** A line of `migrate_020 --json`; docs/json-lines.schema.json is made of it. */
export const jsonLine = z.discriminatedUnion('event', [
  begin,
  phaseLine,
  progress,
  note,
  layerLine,
  errors,
  verify,
  end,
])

export type JsonLine = z.infer<typeof jsonLine>

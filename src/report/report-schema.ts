import * as z from 'zod/mini'
import { runRecord } from './run-history.js'

const count = z.int().check(z.nonnegative())
const text = z.string()
const counts = z.strictObject({ source: count, dest: count, difference: z.int() })

/** `report.json`; the build makes `docs/report.schema.json` from it. */
export const reportSchema = z.strictObject({
  schema_version: z.literal(1),
  made_at: text,
  made_by: text,
  dest: text,
  /** The source of the last run; null when no run is recorded. */
  source: z.nullable(text),
  verdict: z.strictObject({
    status: z.enum([
      'complete',
      'incomplete',
      'differs',
      'failed',
      'interrupted',
      'no end recorded',
      'dry run',
      'unknown',
    ]),
    exit_code: z.nullable(count),
    text,
  }),
  /** The iden of the Cortex, the same in source and destination. */
  cell_guid: z.nullable(text),
  source_version: z.nullable(text),
  layers: z.array(
    z.strictObject({
      iden: text,
      nodes: z.nullable(counts),
      nodedata: z.nullable(counts),
      /** Splices read, splices that became node edits, and the rows of these edits. */
      splices: z.nullable(z.strictObject({ source: count, dest: count, difference: z.int(), node_edits: count })),
      forms: z.array(z.strictObject({ form: text, source: count, dest: count, difference: z.int() })),
      /** How a resumed run recognizes the source's slabs. */
      fingerprint: z.record(
        z.string(),
        z.strictObject({ digest: text, pages: count, rows: count, transaction: count }),
      ),
    }),
  ),
  steps: z.array(
    z.strictObject({ step: text, of: text, ended_at: z.nullable(text), elapsed_ms: z.nullable(z.number()) }),
  ),
  errors: z.strictObject({
    total: count,
    kinds: z.array(
      z.strictObject({
        step: text,
        code: text,
        errors: count,
        is_note: z.boolean(),
        meaning: text,
        cure: text,
        examples: z.array(
          z.strictObject({ layer: z.nullable(text), form: z.nullable(text), what: text, message: text }),
        ),
      }),
    ),
  }),
  /** Differences from the reference, and how often they applied; `id` is the number in reference-differences.md. */
  differences: z.array(z.strictObject({ id: text, of: text, count, reference: text, here: text })),
  runs: z.array(runRecord),
  /** `verify --json`, and which command it is from. */
  verify: z.nullable(z.strictObject({ from: text, at: z.nullable(text), result: z.looseObject({ ok: z.boolean() }) })),
  sha256: z.nullable(z.array(z.strictObject({ path: text, bytes: count, sha256: text }))),
  /** What this report does not cover, and why. */
  not_looked_at: z.array(text),
  next_steps: z.array(z.strictObject({ title: text, text, commands: z.array(text) })),
})

export type Report = z.infer<typeof reportSchema>

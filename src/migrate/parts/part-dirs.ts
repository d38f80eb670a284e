import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { sealed, unsealed } from '../../dest/checkpoints.js'
import { assert, MigrationError } from '../../errors.js'
import { cortexPaths } from '../../layout/paths.js'
import { syncPath, syncTree } from '../../slab/write-whole.js'
import type { MadeParts, Share } from '../layer-plan.js'
import type { StreamStore } from '../stream-task.js'
import type { KnownPlan, PlannedLayer } from './parts-plan.js'
import { PART_STEPS, type PartStep, pieceKey, pieceOf, STEP_OF_TASK, streamName } from './pieces.js'
import { streamKeyOf } from './stream-file.js'

/** Which part of which step of a layer: `part` counts from 1. */
export interface PartId {
  readonly iden: string
  readonly step: PartStep
  readonly part: number
}

/** What a part has left, beside its streams. */
export interface PartRecord extends PartId {
  /** The fingerprint of the plan. */
  readonly plan: string
  readonly share: Share
  /** Paths of its runs below its directory, in order. */
  readonly runs: readonly string[]
  readonly bytes: number
  readonly errorCount: number
}

const RECORD = 'part'
const PART_DIGITS = 4

/**
 * Null when the part is not made yet.
 *
 * @throws {MigrationError} ERR_CHECKPOINT_MISMATCH when it is of another plan or another part, ERR_DEST when it is damaged
 */
export function readPart(destDir: string, { fingerprint }: KnownPlan, id: PartId): PartRecord | null {
  const dir = partDir(destDir, id)
  const record = readRecord(dir)
  if (record === null) return null
  if (record.plan !== fingerprint) {
    throw new MigrationError('ERR_CHECKPOINT_MISMATCH', `Cannot use "${dir}": it was made for another plan`, {
      hint: 'Remove it, then make that part again',
    })
  }
  if (record.iden === id.iden && record.step === id.step && record.part === id.part) return record
  throw new MigrationError(
    'ERR_CHECKPOINT_MISMATCH',
    `Cannot use "${dir}": it is part ${record.part} of ${record.step}`,
    {
      hint: 'Remove it, then make that part again',
    },
  )
}

function readRecord(dir: string): PartRecord | null {
  const path = join(dir, RECORD)
  if (!existsSync(path)) return null
  try {
    return unsealed(path, readFileSync(path)) as PartRecord
  } catch (cause) {
    throw new MigrationError('ERR_DEST', `Cannot read part "${dir}": its record is not as it was written`, {
      cause,
      hint: 'Check the disk, remove that directory, and make the part again',
    })
  }
}

/** Damage of what parts have left is cured by making one part again, whatever the error says of a migration. */
export function partError(error: unknown, destDir: string, iden: string): unknown {
  if (!(error instanceof MigrationError) || error.code !== 'ERR_DEST') return error
  const { message } = error
  const at = message.indexOf(join(cortexPaths(destDir).migration.partsOf(iden), '/'))
  const name = at < 0 ? undefined : /(?:extract|merge|splices)-\d{4}(?=\/)/.exec(message.slice(at))?.[0]
  if (name === undefined) return error
  return new MigrationError('ERR_DEST', message, {
    cause: error,
    hint: `Check the disk, remove the directory ${name} in that path, and make that part again`,
  })
}

/**
 * Makes a part in a directory that gets its name when all of it is durable: other hosts see the whole part or none.
 *
 * @param make fills the directory
 * @returns false when another process has made the same part in the meantime
 */
export async function makePartDir(
  destDir: string,
  id: PartId,
  make: (dir: string) => Promise<Omit<PartRecord, keyof PartId>>,
): Promise<{ readonly record: PartRecord; readonly isFirst: boolean }> {
  const dir = partDir(destDir, id)
  const own = `${dir}.${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`
  mkdirSync(own, { recursive: true, mode: 0o700 })
  try {
    const record: PartRecord = { ...(await make(own)), iden: id.iden, step: id.step, part: id.part }
    writeFileSync(join(own, RECORD), sealed(record), { flag: 'wx', mode: 0o600 })
    syncTree(own)
    return { record, isFirst: named(own, dir) }
  } finally {
    rmSync(own, { recursive: true, force: true })
  }
}

/** The directory for the runs of a part: the digests in a run depend on the last names of its path. */
export function runsName({ iden, part }: PartId): string {
  return `${iden}-${part}`
}

/** Removes what the parts of a layer have left. */
export function removeParts(destDir: string, iden: string): void {
  rmSync(cortexPaths(destDir).migration.partsOf(iden), { recursive: true, force: true })
}

/**
 * The parts of some steps of a layer, in order.
 *
 * @param doing what needs them
 * @param command the command that makes a part, for the hint
 * @throws {MigrationError} ERR_PREFLIGHT when a part is missing
 */
export function requireParts(
  destDir: string,
  plan: KnownPlan,
  { iden, parts }: PlannedLayer,
  steps: readonly PartStep[],
  { doing, command }: { readonly doing: string; readonly command: (id: PartId) => string },
): PartRecord[] {
  const { partsOf } = cortexPaths(destDir).migration
  // Asks a server of files what there is now, rather than what it said before.
  if (existsSync(partsOf(iden))) readdirSync(partsOf(iden))
  const all = steps.flatMap((step) =>
    Array.from({ length: parts[step] }, (_, i): PartId => ({ iden, step, part: i + 1 })),
  )
  const found = all.map((id) => ({ id, record: readPart(destDir, plan, id) }))
  const missing = found.flatMap(({ id, record }) => (record === null ? [id] : []))
  if (missing.length > 0) {
    const list = missing.map(({ step, part }) => `${step} ${part}/${parts[step]}`).join(', ')
    throw new MigrationError('ERR_PREFLIGHT', `Cannot ${doing} layer ${iden}: parts are missing, ${list}`, {
      hint: `Run them first: ${missing.map(command).join('; ')}`,
    })
  }
  return found.flatMap(({ record }) => (record === null ? [] : [record]))
}

/** The runs that all extract parts have left, in the order of their partitions. */
export function runPathsOf(destDir: string, parts: readonly PartRecord[]): string[] {
  return parts.flatMap((part) => part.runs.map((run) => join(partDir(destDir, part), run)))
}

/** A layer whose parts are all made, and where their streams are. */
export function madeParts(
  destDir: string,
  { plan }: PlannedLayer,
  parts: readonly PartRecord[],
): { readonly made: MadeParts; readonly store: StreamStore } {
  const byStep = new Map(PART_STEPS.map((step) => [step, parts.filter((part) => part.step === step)]))
  const store: StreamStore = {
    find: (task, stream, input) => {
      const piece = pieceOf(task, stream, input)
      const part = byStep.get(STEP_OF_TASK[task])?.find(({ share }) => piece >= share.first && piece < share.end)
      assert(part !== undefined, () => `no part has made ${task} ${piece}`)
      const path = join(partDir(destDir, part), streamName(piece))
      if (streamKeyOf(path) === pieceKey(task, input)) return path
      throw new MigrationError(
        'ERR_CHECKPOINT_MISMATCH',
        `Cannot use "${path}": it was made from another piece of the layer`,
        {
          hint: 'Remove its directory, then make that part again',
        },
      )
    },
  }
  return { made: { plan, runPaths: runPathsOf(destDir, byStep.get('extract') ?? []) }, store }
}

function partDir(destDir: string, { iden, step, part }: PartId): string {
  const { partsOf } = cortexPaths(destDir).migration
  return join(partsOf(iden), `${step}-${String(part).padStart(PART_DIGITS, '0')}`)
}

/** False when the name is taken: a directory cannot replace one with files. */
function named(own: string, dir: string): boolean {
  try {
    renameSync(own, dir)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false
    throw error
  }
  syncPath(join(dir, '..'))
  return true
}

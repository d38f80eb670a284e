import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { hexOf } from '../../bytes/hash.js'
import { xxh64 } from '../../bytes/xxh64.js'
import { sealed, unsealed } from '../../dest/checkpoints.js'
import { MigrationError } from '../../errors.js'
import { cortexPaths } from '../../layout/paths.js'
import type { NodesFingerprint, SlabPrint, SplicesFingerprint } from '../../layout/records.js'
import { type ModelFile, modelFileJson, parseModelFile } from '../../model/model-file.js'
import { writeWhole } from '../../slab/write-whole.js'
import type { LayerPlan } from '../layer-plan.js'
import type { MigrateOptions, PieceSizes } from '../options.js'
import type { PartStep } from './pieces.js'

/** Raise this when the plan or what parts leave changes. */
const PLAN_SCHEMA = 2

/** The options that rows depend on. Only `plan` takes them; all other commands read them here. */
export interface PlannedOptions
  extends Pick<MigrateOptions, 'mapPartial' | 'safetyOff' | 'orphanLayers' | 'onlyLayers' | 'skipLayers'> {
  /** Model files, as their text, and what the operator calls them. */
  readonly models: readonly string[]
  readonly modelNames: readonly string[]
}

/** A layer, and how it is cut. */
export interface PlannedLayer {
  readonly iden: string
  /** Bytes of its nodes, its node data and its history in the source. */
  readonly sourceBytes: number
  readonly nodes: NodesFingerprint
  /** Null when the layer has no history. */
  readonly splices: SplicesFingerprint | null
  readonly plan: LayerPlan
  readonly pieces: PieceSizes
  /** How many parts each step has. */
  readonly parts: Readonly<Record<PartStep, number>>
}

/** What all commands of a migration in parts have to agree on: `<dest>/migration/parts/plan`. */
export interface PartsPlan {
  readonly schema: number
  /** The version of this program that has made it. All others must be the same. */
  readonly version: string
  /** The time that values of the model may depend on. */
  readonly now: number
  /** Prints of the slabs of the source that do not belong to a layer, by name. */
  readonly cell: Readonly<Record<string, SlabPrint>>
  readonly options: PlannedOptions
  readonly partBytes: number
  readonly layers: readonly PlannedLayer[]
}

/** A plan as it was read. */
export interface KnownPlan extends PartsPlan {
  /** In hex; everything that parts leave bears it. */
  readonly fingerprint: string
}

export function plannedOptions(options: MigrateOptions, modelNames: readonly string[]): PlannedOptions {
  const { mapPartial, safetyOff, orphanLayers, onlyLayers, skipLayers, modelFiles } = options
  const models = modelFiles.map((file) => JSON.stringify(modelFileJson(file)))
  return { mapPartial, safetyOff, orphanLayers, onlyLayers, skipLayers, models, modelNames }
}

/** The options of the plan, for a migration. */
export function optionsOf({
  options: { models, modelNames: _, ...options },
}: PartsPlan): Omit<PlannedOptions, 'models' | 'modelNames'> & Pick<MigrateOptions, 'modelFiles'> {
  const modelFiles = models.map((text, i): ModelFile => parseModelFile(text, `model ${i + 1} of the plan`))
  return { ...options, modelFiles }
}

/** Stores the plan, in place of an earlier one and all that its parts have left. */
export function writePlan(destDir: string, plan: Omit<PartsPlan, 'schema'>): KnownPlan {
  const { parts } = cortexPaths(destDir).migration
  rmSync(parts, { recursive: true, force: true })
  mkdirSync(parts, { recursive: true, mode: 0o700 })
  writeWhole(planPath(destDir), sealed({ ...plan, schema: PLAN_SCHEMA }))
  return readPlan(destDir)
}

/** @throws {MigrationError} ERR_CHECKPOINT_MISMATCH when another version of this program has made the plan */
export function assertVersion(destDir: string, plan: PartsPlan, version: string): void {
  if (plan.version === version) return
  throw new MigrationError(
    'ERR_CHECKPOINT_MISMATCH',
    `Cannot use the plan for parts in "${destDir}": version ${plan.version} has made it, this is ${version}`,
    { hint: 'Use the same version on all machines, or plan again with --restart' },
  )
}

export function isPlanned(destDir: string): boolean {
  return existsSync(planPath(destDir))
}

/** @throws {MigrationError} ERR_PREFLIGHT when there is none, ERR_CHECKPOINT_MISMATCH when this version cannot read it */
export function readPlan(destDir: string): KnownPlan {
  const path = planPath(destDir)
  if (!existsSync(path)) {
    throw new MigrationError('ERR_PREFLIGHT', `Cannot find a plan for parts in "${destDir}"`, {
      hint: 'Make it first, with: synapse-migrator part plan',
    })
  }
  const bytes = readFileSync(path)
  const plan = unsealedPlan(path, bytes)
  if (plan.schema === PLAN_SCHEMA) return { ...plan, fingerprint: hexOf(xxh64(bytes)) }
  throw new MigrationError(
    'ERR_CHECKPOINT_MISMATCH',
    `Cannot use the plan for parts in "${destDir}": it is of schema ${plan.schema}, now ${PLAN_SCHEMA}`,
    {
      hint: 'Another version of this program has made it: use that one, or plan again with --restart',
    },
  )
}

function unsealedPlan(path: string, bytes: Uint8Array): PartsPlan {
  try {
    return unsealed(path, bytes) as PartsPlan
  } catch (cause) {
    throw new MigrationError('ERR_CHECKPOINT_MISMATCH', `Cannot read plan "${path}": it is not as it was written`, {
      cause,
      hint: 'It was edited or damaged: plan again with --restart, which removes what parts have made',
    })
  }
}

/** @throws {MigrationError} ERR_PREFLIGHT when the plan has no such layer */
export function plannedLayer(plan: KnownPlan, iden: string): PlannedLayer {
  const layer = plan.layers.find((planned) => planned.iden === iden)
  if (layer !== undefined) return layer
  throw new MigrationError('ERR_PREFLIGHT', `Cannot do a part of layer ${iden}: the plan has no such layer`, {
    hint: `Its layers are ${plan.layers.map((planned) => planned.iden).join(', ')}`,
  })
}

/**
 * Whether a stage that needs the destination to itself is done: `cell`, or the finish of a layer. Returns the number of
 * its errors, or null when it is not.
 */
export function doneErrors(destDir: string, { fingerprint }: KnownPlan, stage: string): number | null {
  const path = donePath(destDir, stage)
  if (!existsSync(path)) return null
  const [of, errors] = readFileSync(path, 'utf8').trim().split(' ')
  return of === fingerprint ? Number(errors) : null
}

export function isDone(destDir: string, plan: KnownPlan, stage: string): boolean {
  return doneErrors(destDir, plan, stage) !== null
}

export function setDone(destDir: string, { fingerprint }: KnownPlan, stage: string, errorCount: number): void {
  writeWhole(donePath(destDir, stage), `${fingerprint} ${errorCount}\n`)
}

/** Removes what parts have left, once their pages are in the slabs. The plan stays, and what is done. */
export function clearParts(destDir: string): void {
  const { parts } = cortexPaths(destDir).migration
  if (!existsSync(parts)) return
  for (const entry of readdirSync(parts, { withFileTypes: true })) {
    if (entry.isDirectory()) rmSync(join(parts, entry.name), { recursive: true, force: true })
  }
}

function planPath(destDir: string): string {
  return join(cortexPaths(destDir).migration.parts, 'plan')
}

function donePath(destDir: string, stage: string): string {
  return join(cortexPaths(destDir).migration.parts, `${stage}.done`)
}

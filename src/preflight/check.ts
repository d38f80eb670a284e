import type { MigrationError } from '../errors.js'
import type { ModelFile } from '../model/model-file.js'
import type { LayerFacts, SourceCortex, SourceLayer } from '../source/cortex-dir.js'
import type { System } from './system.js'

export interface PreflightOptions {
  readonly destDir: string
  readonly ops: ReadonlySet<string>
  /** Whether to migrate layer directories that the hive does not know. */
  readonly orphanLayers: boolean
  /** The only layers to migrate; empty: all. */
  readonly onlyLayers: readonly string[]
  /** Layers that stay empty in the destination. */
  readonly skipLayers: readonly string[]
  readonly fromLast: boolean
  /** Whether to replace what is there. */
  readonly restart: boolean
  /** Whether this run writes nothing, and so replaces nothing. */
  readonly dryRun: boolean
  /** The model files given for the Python modules in cell.yaml. */
  readonly modelFiles: readonly ModelFile[]
  readonly workers: number
  readonly memoryBytes: number
}

/** What a check may look at. */
export interface Facts {
  readonly source: SourceCortex
  readonly options: PreflightOptions
  readonly sys: System
  /** Layers that the destination gets, sorted; this run may migrate only some of them. */
  readonly layers: readonly SourceLayer[]
  /** Facts of the layers that we could read. */
  readonly layerFacts: ReadonlyMap<SourceLayer, LayerFacts>
  /** Why we could not read the others. */
  readonly unreadableLayers: ReadonlyMap<SourceLayer, MigrationError>
}

/** A problem prevents the migration; a warning is something the operator should know before it starts. */
export interface Finding {
  readonly kind: 'problem' | 'warning'
  readonly text: string
  /** What to do about it. */
  readonly hint: string
}

/** Checks one thing before anything is written, and returns everything that it finds. */
export type Check = (facts: Facts) => readonly Finding[] | Promise<readonly Finding[]>

/** Whether a run looks at a layer. */
export function isAsked({ onlyLayers }: Pick<PreflightOptions, 'onlyLayers'>, iden: string): boolean {
  return onlyLayers.length === 0 || onlyLayers.includes(iden)
}

export function problem(text: string, hint: string): Finding {
  return { kind: 'problem', text, hint }
}

export function warning(text: string, hint: string): Finding {
  return { kind: 'warning', text, hint }
}

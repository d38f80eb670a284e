import { MigrationError } from '../errors.js'
import { finishedLayers } from '../inspect/dest-begun.js'
import {
  type LayerFacts,
  readLayerFacts,
  type SourceCortex,
  type SourceLayer,
  viewsWith,
} from '../source/cortex-dir.js'
import { is01xCortex } from '../source/no-cortex.js'
import { type Facts, isAsked, type Finding as KindedFinding, type PreflightOptions } from './check.js'
import { CHECKS } from './checks.js'
import { notesOf } from './notes.js'
import { type System, system } from './system.js'

export type { PreflightOptions }

export interface Preflight {
  /** Everything that prevents the migration. */
  readonly problems: readonly Finding[]
  /** What the operator should know before it starts. */
  readonly warnings: readonly Finding[]
  /** What the operator should know after it is done. */
  readonly notes: readonly string[]
  /** Idens of the layers to migrate, sorted. */
  readonly layers: readonly string[]
  /** Idens of layers that `--layer` leaves as they are, sorted. */
  readonly left: readonly string[]
  /** Idens of layers to skip that an earlier run has finished, and that stay as they are; sorted. */
  readonly kept: readonly string[]
  /** Idens of layers that stay empty in the destination, as requested; sorted. */
  readonly skipped: readonly string[]
}

/** What was found, and what to do about it. */
export type Finding = Omit<KindedFinding, 'kind'>

/** Checks source and destination before anything is written, without opening an LMDB environment. */
export async function preflight(
  source: SourceCortex,
  options: PreflightOptions,
  answers: Partial<System> = {},
): Promise<Preflight> {
  // All other findings would only follow from that.
  if (source.newer !== null) return { ...nothing, problems: [isNewer(source, source.newer, options.destDir)] }
  const facts = readFacts(source, options, { ...system, ...answers })
  const findings = (await Promise.all(Object.values(CHECKS).map(async (check) => check(facts)))).flat()
  const ofKind = (kind: KindedFinding['kind']) =>
    findings.filter((finding) => finding.kind === kind).map(({ text, hint }) => ({ text, hint }))
  const named = skippedLayers(source, options)
  const kept = options.fromLast ? finishedLayers(options.destDir, named, options.ops) : []
  const skipped = named.filter((iden) => !kept.includes(iden))
  const idens = facts.layers.map(({ iden }) => iden)
  const left = idens.filter((iden) => !isAsked(options, iden))
  return {
    problems: ofKind('problem'),
    warnings: ofKind('warning'),
    notes: notesOf(source, { skipped, left, kept }),
    layers: idens.filter((iden) => !left.includes(iden)),
    left,
    kept,
    skipped,
  }
}

/** Skipped layers that the hive or a view names; others are not in the destination at all. */
function skippedLayers(source: SourceCortex, { skipLayers }: PreflightOptions): string[] {
  const isNamed = (iden: string) =>
    source.hive.children(['cortex', 'layers']).includes(iden) || viewsWith(source, iden).length > 0
  return [...new Set(skipLayers)].filter(isNamed).sort()
}

const nothing = { problems: [], warnings: [], notes: [], layers: [], left: [], kept: [], skipped: [] }

function isNewer({ dir }: SourceCortex, version: string, destDir: string): Finding {
  const isSwapped = is01xCortex(destDir)
  return {
    text: `Cannot migrate "${dir}": it is a Cortex of version ${version} already`,
    hint: isSwapped
      ? `"${destDir}" holds a 0.1.x Cortex: swap --src and --dest`
      : 'Give --src the directory of a 0.1.x Cortex',
  }
}

function readFacts(source: SourceCortex, options: PreflightOptions, sys: System): Facts {
  const chosen = options.orphanLayers ? [...source.layers, ...source.orphans] : source.layers
  const layers = chosen.filter(({ iden }) => !options.skipLayers.includes(iden))
  layers.sort((a, b) => (a.iden < b.iden ? -1 : 1))
  const layerFacts = new Map<SourceLayer, LayerFacts>()
  const unreadableLayers = new Map<SourceLayer, MigrationError>()
  for (const layer of layers) {
    try {
      layerFacts.set(layer, readLayerFacts(layer))
    } catch (error) {
      // Damage ends the run with an exit code of its own.
      if (!(error instanceof MigrationError) || error.code !== 'ERR_SOURCE') throw error
      unreadableLayers.set(layer, error)
    }
  }
  return { source, options, sys, layers, layerFacts, unreadableLayers }
}

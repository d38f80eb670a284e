import { type SourceCortex, viewsWith } from '../../source/cortex-dir.js'
import { type Check, type Finding, problem } from '../check.js'

/**
 * Every layer that the hive or a view names must exist. A missing one means lost data, or maybe a disk that is not
 * mounted.
 */
export const layersFound: Check = ({ source, layers, options: { orphanLayers, onlyLayers, skipLayers } }) => [
  ...layerProblems(source, (iden) => skipLayers.includes(iden)),
  ...source.orphans
    .filter(({ iden }) => !orphanLayers && !skipLayers.includes(iden) && viewsWith(source, iden).length > 0)
    .map(({ iden }) =>
      problem(
        `The hive does not know layer ${iden}, ${usersOf(source, iden)}; there is a directory of it`,
        `Add --orphan-layers to migrate it. ${skipHint(iden)}`,
      ),
    ),
  ...unknownSkips(source, skipLayers),
  ...onlyLayers
    .filter((iden) => !layers.some((layer) => layer.iden === iden))
    .map((iden) =>
      problem(
        `Cannot migrate layer ${iden}: it is not among the layers to migrate`,
        'See "synapse-migrator inspect" for the layers; one that is not in the hive needs --orphan-layers',
      ),
    ),
]

/** What is wrong with the layers of a source, for any command. */
export function layerProblems(source: SourceCortex, isSkipped: (iden: string) => boolean): Finding[] {
  return [
    ...noLayers(source),
    ...source.missing
      .filter(({ iden }) => !isSkipped(iden))
      .map(({ iden, reason, hint }) =>
        problem(`Cannot find layer ${iden}, ${usersOf(source, iden)}: ${reason}`, `${hint}. ${skipHint(iden)}`),
      ),
  ]
}

function noLayers({ dir, hive, missing }: SourceCortex): Finding[] {
  if (hive.children(['cortex', 'layers']).length > 0 || missing.length > 0) return []
  return [
    problem(
      `Cannot read source "${dir}": its hive knows no layer`,
      'If the Cortex is older than 0.1.0, upgrade it with the 0.1.x releases first; else restore slabs/cell.lmdb from a backup',
    ),
  ]
}

/** A mistyped name would skip nothing. */
function unknownSkips({ layers, orphans, missing, remote }: SourceCortex, skipLayers: readonly string[]): Finding[] {
  const known = [...layers, ...orphans, ...missing].map(({ iden }) => iden)
  return skipLayers
    .filter((iden) => ![...known, ...remote].includes(iden))
    .map((iden) =>
      problem(
        `Cannot skip layer ${iden}: the source has no such layer`,
        'See "synapse-migrator inspect" for its layers',
      ),
    )
}

function usersOf(source: SourceCortex, iden: string): string {
  const views = viewsWith(source, iden)
  if (views.length === 0) return 'which no view uses'
  return `which is used by ${views.length === 1 ? 'view' : 'views'} ${views.join(', ')}`
}

function skipHint(iden: string): string {
  return `To continue without it, add --skip-layer ${iden}: it will be empty`
}

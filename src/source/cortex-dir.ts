import { join } from 'node:path'
import type { Value } from '../bytes/msgpack.js'
import { atPath } from '../file/at-path.js'
import { readCellGuid } from '../file/read-text.js'
import { cortexPaths } from '../layout/paths.js'
import { SOURCE_DBS, SOURCE_SLABS } from '../layout/source-layer.js'
import type { ExtendedModel } from '../model/model.js'
import { SlabReader } from '../page/page-reader.js'
import { Hive } from '../slab/hive.js'
import { readSettled } from '../slab/read-settled.js'
import { compareVersions, showVersion, type Version, versionOf } from '../slab/version.js'
import { type LayerDirs, readLayerDirs } from './layer-dirs.js'
import { whyNoCortex } from './no-cortex.js'
import { layerVersion, spliceRows } from './source-dbs.js'

/** A Cortex names its layers, views and users with 32 hex digits. */
const IDEN = /^[0-9a-f]{32}$/
const FIRST_2X: Version = [0, 2, 0]

/** What decides how we migrate a 0.1.x Cortex directory; no layer data. */
export interface SourceCortex {
  readonly dir: string
  /** The operator's path of the source; differs from `dir` when that is a copy. */
  readonly givenDir: string
  /** Content of `cell.guid`, or null. */
  readonly cellGuid: string | null
  readonly hive: Hive
  /** For a 2.x Cortex, its release as `2.x` or `(0, 2, 0)`; null for a 0.1.x Cortex. */
  readonly newer: string | null
  /** Local layers that are in the hive and have a directory, sorted by iden. */
  readonly layers: readonly SourceLayer[]
  /** Directories of layers that are not in the hive, sorted: deleting a layer leaves its directory behind. */
  readonly orphans: readonly SourceLayer[]
  /** Local layers that the hive or a view names but that have no directory, sorted. */
  readonly missing: readonly MissingLayer[]
  /** Layers that live in another Cortex, sorted. */
  readonly remote: readonly string[]
  /** Other things in `layers/`: `lost+found` and the like. */
  readonly strays: readonly string[]
}

export interface SourceLayer {
  readonly iden: string
  readonly dir: string
}

export interface MissingLayer extends SourceLayer {
  /** Why we cannot read it: `there is no directory …`, or a bad link or permission. */
  readonly reason: string
  readonly hint: string
}

/** What the slabs of one layer say about it. */
export interface LayerFacts {
  readonly hasLayerSlab: boolean
  readonly hasNodeData: boolean
  /** `layer:model:version`, or null when the layer has none. */
  readonly modelVersion: Value | null
  /** The offset of the next splice: one past the last. Null when there is no splice slab. */
  readonly nextSplice: number | null
  /** Positions of the layer's feeds, by the hex of the feed's iden. */
  readonly feedOffsets: ReadonlyMap<string, bigint>
  /** Bytes of all pages that the layer's slabs use. */
  readonly usedBytes: number
  /** Bytes used by the largest of these slabs. */
  readonly largestBytes: number
}

/**
 * Reads a 0.1.x Cortex directory and changes nothing in it, so the Cortex may be running. Follows links, as 0.1.x does.
 * Also reads the hive of a 2.x directory; `newer` is then set.
 *
 * @param destDir the other directory of the command, so that the error can say that the user swapped the two
 * @param givenDir the operator's path when `dir` is a copy
 * @throws {MigrationError} ERR_SOURCE when it is not a Cortex directory, or this user may not read it
 */
export function readSource(dir: string, destDir?: string, givenDir = dir): SourceCortex {
  const noCortex = whyNoCortex(dir, 'read source', destDir)
  if (noCortex !== null) throw noCortex
  const paths = cortexPaths(dir)
  const { hive, isModern } = readSettled(paths.slab('cell'), (slab) => ({
    hive: Hive.from(slab.db('hive')?.rows() ?? []),
    isModern: slab.db('cell:info') !== undefined,
  }))
  const { dirs, files, unreachable } = layerDirs(dir)
  const known = hive.children(['cortex', 'layers']).sort()
  const remote = known.filter((iden) => hive.get(['cortex', 'layers', iden, 'type']) === 'remote')
  const local = known.filter((iden) => !remote.includes(iden))
  const layers = local.filter((iden) => dirs.includes(iden))
  const orphans = dirs.filter((name) => !known.includes(name) && isLayer(dir, name))
  const named = new Set([...local, ...layersOfViews(hive)])
  const layer = (iden: string): SourceLayer => ({ iden, dir: paths.layer(iden).dir })
  return {
    dir,
    givenDir,
    cellGuid: readCellGuid(dir),
    hive,
    newer: newerOf(hive, isModern || dirs.some((name) => isModernLayer(dir, name))),
    layers: layers.map(layer),
    orphans: orphans.map(layer),
    missing: [...named]
      .filter((iden) => ![...layers, ...orphans, ...remote].includes(iden))
      .sort()
      .map((iden) => ({ ...layer(iden), ...whyMissing(dir, iden, unreachable) })),
    remote,
    strays: [...dirs, ...files, ...unreachable.keys()].filter((name) => !named.has(name) && !orphans.includes(name)),
  }
}

/** Views whose stack includes a layer, sorted. */
export function viewsWith({ hive }: Pick<SourceCortex, 'hive'>, layerIden: string): string[] {
  return hive
    .children(['cortex', 'views'])
    .filter((view) => layersOfView(hive, view).includes(layerIden))
    .sort()
}

/** Reads what preflight and the steps need to know about a layer. */
export function readLayerFacts({ dir }: SourceLayer): LayerFacts {
  const path = (name: string) => join(dir, `${name}.lmdb`)
  const has = (name: string) => SlabReader.exists(path(name))
  const main = has('layer') ? readSettled(path('layer'), layerSlabFacts) : null
  const splices = has('splices') ? readSettled(path('splices'), (slab) => spliceRows(slab)?.last()?.key ?? null) : null
  const used = SOURCE_SLABS.filter(has).map((name) => readSettled(path(name), usedBytesOf))
  return {
    hasLayerSlab: main !== null,
    hasNodeData: has('nodedata'),
    modelVersion: main?.modelVersion ?? null,
    nextSplice: !has('splices') ? null : splices === null ? 0 : Number(uint64(splices)) + 1,
    feedOffsets: main?.feedOffsets ?? new Map(),
    usedBytes: used.reduce((sum, bytes) => sum + bytes, 0),
    largestBytes: Math.max(0, ...used),
  }
}

/** How much Storm text a Cortex has; we carry it over unchanged. */
export function countStorm({ dir, hive }: SourceCortex): { triggers: number; crons: number; commands: number } {
  return {
    triggers: readSettled(cortexPaths(dir).slab('cell'), (slab) => slab.db('triggers')?.entries ?? 0),
    crons: hive.children(['agenda', 'appts']).length,
    commands: hive.children(['cortex', 'storm', 'cmds']).length + hive.children(['cortex', 'storm', 'packages']).length,
  }
}

/** The props, universal props and tag props that the hive adds to the model. */
export function readExtModel(hive: Hive): ExtendedModel {
  const all = (kind: string) => {
    const path = ['cortex', 'model', kind]
    return hive.children(path).map((name) => hive.get([...path, name]) ?? null)
  }
  return { props: all('props'), univs: all('univs'), tagProps: all('tagprops') }
}

function layerSlabFacts(slab: SlabReader): { modelVersion: Value | null; feedOffsets: Map<string, bigint> } {
  const offsets = [...(slab.db(SOURCE_DBS.offsets.db)?.rows() ?? [])]
  return {
    modelVersion: layerVersion(slab),
    feedOffsets: new Map(offsets.map(({ key, value }) => [Buffer.from(key).toString('hex'), uint64(value)])),
  }
}

function usedBytesOf(slab: SlabReader): number {
  return (slab.lastPage + 1) * slab.pageSize
}

function layerDirs(dir: string): LayerDirs {
  return readLayerDirs(dir) ?? { dirs: [], files: [], unreachable: new Map() }
}

/**
 * Whether a directory that is not in the hive is a layer, or may be one: we count directories that this user may not
 * read.
 */
function isLayer(dir: string, name: string): boolean {
  if (!IDEN.test(name)) return false
  try {
    return SlabReader.exists(cortexPaths(dir).layer(name).slab('layer'))
  } catch {
    return true
  }
}

function isModernLayer(dir: string, name: string): boolean {
  const { slab } = cortexPaths(dir).layer(name)
  try {
    return SlabReader.exists(slab('layer_v2')) && !SlabReader.exists(slab('layer'))
  } catch {
    return false
  }
}

function whyMissing(dir: string, iden: string, unreachable: LayerDirs['unreachable']) {
  const path = cortexPaths(dir).layer(iden).dir
  const isDir = atPath(path).kind === 'directory'
  const reason = isDir ? `there is no slab "layer.lmdb" in "${path}"` : `there is no directory "${path}"`
  return unreachable.get(iden) ?? { reason, hint: 'Mount its disk, or restore it from a backup' }
}

function layersOfViews(hive: Hive): string[] {
  return hive.children(['cortex', 'views']).flatMap((view) => layersOfView(hive, view))
}

function layersOfView(hive: Hive, view: string): string[] {
  const layers = hive.get(['cortex', 'views', view, 'layers'])
  return Array.isArray(layers) ? layers.map(String) : []
}

function newerOf(hive: Hive, isModern: boolean): string | null {
  const version = versionOf(hive.get(['cellinfo', 'cortex:version']))
  if (version !== null && compareVersions(version, FIRST_2X) >= 0) return showVersion(version)
  return isModern ? '2.x' : null
}

function uint64(bytes: Uint8Array): bigint {
  return Buffer.from(bytes).readBigUInt64BE()
}

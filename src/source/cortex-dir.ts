import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decode, type Value } from '../bytes/msgpack.js'
import { MigrationError } from '../errors.js'
import { cortexPaths } from '../layout/paths.js'
import type { ExtendedModel } from '../model/model.js'
import { SlabReader } from '../page/page-reader.js'
import { Hive } from '../slab/hive.js'
import { readSettled } from '../slab/read-settled.js'

/** A Cortex names its layers, views and users by 32 hex digits. */
const IDEN = /^[0-9a-f]{32}$/
/** The facts of a 0.1.x Cortex directory that decide how it is migrated; no layer data. */
export interface SourceCortex {
  readonly dir: string
  /** Content of `cell.guid`, or null. */
  readonly cellGuid: string | null
  readonly hive: Hive
  /** Local layers that the hive knows and that have a directory, sorted by iden. */
  readonly layers: readonly SourceLayer[]
  /** Directories of layers that the hive does not know, sorted: a deleted layer leaves its directory behind. */
  readonly orphans: readonly SourceLayer[]
  /** Local layers of the hive without a directory, sorted. */
  readonly missing: readonly string[]
  /** Layers that live in another Cortex, sorted. */
  readonly remote: readonly string[]
  /** What else lies in `layers/`: `lost+found` and the like. */
  readonly strays: readonly string[]
}

export interface SourceLayer {
  readonly iden: string
  readonly dir: string
}

/** What the slabs of one layer say about it. */
export interface LayerFacts {
  readonly hasLayerSlab: boolean
  readonly hasNodeData: boolean
  /** `layer:model:version`, or null when the layer does not have it. */
  readonly modelVersion: Value | null
  /** The offset of the next splice: one past the last. Null when there is no splice slab. */
  readonly nextSplice: number | null
  /** Feed positions of the layer, by hex of their iden. */
  readonly feedOffsets: ReadonlyMap<string, bigint>
  /** Bytes of all pages that the layer's slabs use. */
  readonly usedBytes: number
}

/**
 * Reads a 0.1.x Cortex directory without changing anything in it; the Cortex may be running.
 *
 * @throws {MigrationError} ERR_SOURCE when it is no Cortex directory
 */
export function readSource(dir: string): SourceCortex {
  const cellSlab = cortexPaths(dir).slab('cell')
  if (!existsSync(dir)) throw noCortex(dir, 'it does not exist')
  if (!SlabReader.exists(cellSlab)) throw noCortex(dir, 'there is no slab "slabs/cell.lmdb" in it')
  const layersDir = cortexPaths(dir).layers
  if (!existsSync(layersDir)) throw noCortex(dir, 'there is no directory "layers" in it')
  const hive = readSettled(cellSlab, (slab) => Hive.from(slab.db('hive')?.rows() ?? []))
  const known = hive.children(['cortex', 'layers']).sort()
  const remote = known.filter((iden) => hive.get(['cortex', 'layers', iden, 'type']) === 'remote')
  const local = known.filter((iden) => !remote.includes(iden))
  const entries = readdirSync(layersDir, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  const dirs = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  const layer = (iden: string): SourceLayer => ({ iden, dir: join(layersDir, iden) })
  const unknown = dirs.filter((name) => !known.includes(name))
  const isLayer = (name: string) => IDEN.test(name) && SlabReader.exists(join(layersDir, name, 'layer.lmdb'))
  return {
    dir,
    cellGuid: readGuid(dir),
    hive,
    layers: local.filter((iden) => dirs.includes(iden)).map(layer),
    orphans: unknown.filter(isLayer).map(layer),
    missing: local.filter((iden) => !dirs.includes(iden)),
    remote,
    strays: [
      ...unknown.filter((name) => !isLayer(name)),
      ...entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name),
    ],
  }
}

/** Reads what preflight and the steps need to know about a layer. */
export function readLayerFacts({ dir }: SourceLayer): LayerFacts {
  const path = (name: string) => join(dir, `${name}.lmdb`)
  const has = (name: string) => SlabReader.exists(path(name))
  const main = has('layer') ? readSettled(path('layer'), layerSlabFacts) : null
  const splices = has('splices')
    ? readSettled(path('splices'), (slab) => slab.db('splices')?.last()?.key ?? null)
    : null
  const used = ['layer', 'nodedata', 'splices'].filter(has).map((name) => readSettled(path(name), usedBytesOf))
  return {
    hasLayerSlab: main !== null,
    hasNodeData: has('nodedata'),
    modelVersion: main?.modelVersion ?? null,
    nextSplice: !has('splices') ? null : splices === null ? 0 : Number(uint64(splices)) + 1,
    feedOffsets: main?.feedOffsets ?? new Map(),
    usedBytes: used.reduce((sum, bytes) => sum + bytes, 0),
  }
}

/** How much Storm text a Cortex keeps; it is carried over as it is. */
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
  const version = slab.mainRows().find(({ key }) => Buffer.from(key).toString('latin1') === 'layer:model:version')
  const offsets = [...(slab.db('offsets')?.rows() ?? [])]
  return {
    modelVersion: version === undefined ? null : modelVersionOf(slab, version.value),
    feedOffsets: new Map(offsets.map(({ key, value }) => [Buffer.from(key).toString('hex'), uint64(value)])),
  }
}

function modelVersionOf(slab: SlabReader, value: Uint8Array): Value {
  try {
    return decode(value)
  } catch (err) {
    throw slab.corrupt(`its model version is no msgpack: ${(err as Error).message}`)
  }
}

function usedBytesOf(slab: SlabReader): number {
  return (slab.lastPage + 1) * slab.pageSize
}

function readGuid(dir: string): string | null {
  const path = cortexPaths(dir).guid
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : null
}

function uint64(bytes: Uint8Array): bigint {
  return Buffer.from(bytes).readBigUInt64BE()
}

function noCortex(dir: string, found: string): MigrationError {
  return new MigrationError('ERR_SOURCE', `Cannot read source "${dir}": ${found}`, {
    hint: 'give --src the directory of a 0.1.x Cortex, the one that holds cell.guid',
  })
}

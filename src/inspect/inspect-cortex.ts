import { join } from 'node:path'
import { BUID_BYTES } from '../bytes/buid.js'
import { decode, text, type Value } from '../bytes/msgpack.js'
import { toJson } from '../bytes/value-json.js'
import { readCellGuid } from '../file/read-text.js'
import { cortexPaths } from '../layout/paths.js'
import { SlabReader } from '../page/page-reader.js'
import { Hive } from '../slab/hive.js'
import { isInUse } from '../slab/in-use.js'
import { readSettled } from '../slab/read-settled.js'
import { compareVersions, type Version, versionOf } from '../slab/version.js'
import { readYamlFile } from '../slab/yaml-file.js'
import { readLayerDirs } from '../source/layer-dirs.js'
import { whyNoCortex } from '../source/no-cortex.js'
import { layerVersion } from '../source/source-dbs.js'
import { planUpgrade, upgradeText } from '../upgrade/upgrade-source.js'

const FIRST_2X: Version = [0, 2, 0]
const IDEN = /^[0-9a-f]{32}$/

/** A description of a Cortex directory. Null means unknown: newer releases keep some facts in other places. */
export interface CortexReport {
  readonly dir: string
  readonly cellGuid: string | null
  /** `0.1.x` or `2.x`, by the version that the Cortex last stored, or by its layers. */
  readonly generation: '0.1.x' | '2.x'
  /** The last release that was started on it. For a migrated Cortex that never started, the source's release. */
  readonly synapseVersion: string | null
  /** `cellinfo/cortex:version` in the hive: the version that the Cortex has upgraded its data to. */
  readonly cortexVersion: string | null
  /** Whether a process has it open. */
  readonly inUse: boolean
  /** Whether it is the result of a migration, with a migration log. */
  readonly migrated: boolean
  /** What a migration first upgrades in an older 0.1.x Cortex, as 0.1.58 does on startup; one line each. */
  readonly upgrade: readonly string[]
  readonly layers: readonly LayerReport[]
  readonly views: readonly ViewReport[]
  /** Python modules in cell.yaml. */
  readonly modules: readonly string[]
  /** What the Cortex has added to the model, by name. */
  readonly model: {
    readonly forms: readonly string[]
    readonly props: readonly string[]
    readonly univs: readonly string[]
    readonly tagProps: readonly string[]
  }
  readonly queues: readonly { readonly name: string; readonly size: number | null }[]
  readonly triggers: number
  readonly crons: number
  readonly users: readonly { readonly name: string; readonly admin: boolean; readonly locked: boolean }[]
  readonly roles: readonly string[]
  readonly stormCommands: number
  readonly stormPackages: number
  readonly services: number
}

export interface LayerReport {
  readonly iden: string
  readonly name: string | null
  /** `known`: in the hive and on disk; `orphan` or `missing`: only one of the two; `remote`: in another Cortex. */
  readonly state: 'known' | 'orphan' | 'missing' | 'remote'
  /** Why a missing layer is missing. */
  readonly reason: string | null
  readonly layout: '0.1.x' | '2.x' | null
  readonly modelVersion: string | null
  /** Views that use it. */
  readonly views: readonly string[]
  /** Nodes with any row in this layer; null when not counted. */
  readonly nodes: number | null
  /** Rows of the nodes themselves, without indexes. */
  readonly nodeRows: number | null
  readonly nodedata: number | null
  /** Entries of the history: splices in 0.1.x, node edits in 2.x. */
  readonly edits: number | null
  /** Bytes of all pages that the layer's slabs use. */
  readonly usedBytes: number
}

export interface ViewReport {
  readonly iden: string
  readonly name: string | null
  readonly layers: readonly string[]
  readonly parent: string | null
  readonly isDefault: boolean
}

export interface InspectOptions {
  /** Whether to count nodes, which means to read all their rows. */
  readonly countNodes: boolean
  readonly progress: (layer: string, rows: number, totalRows: number) => void
}

/**
 * Reads a Cortex directory of either generation, without changing anything and without an LMDB environment, so the
 * Cortex may be running.
 *
 * @throws {MigrationError} ERR_SOURCE when it is not a Cortex directory
 */
export function inspectCortex(dir: string, options: InspectOptions): CortexReport {
  const noCortex = whyNoCortex(dir, 'inspect')
  if (noCortex !== null) throw noCortex
  const cellSlab = cortexPaths(dir).slab('cell')
  const cell = readSettled(cellSlab, (slab) => ({
    hive: Hive.from(slab.db('hive')?.rows() ?? []),
    triggers: slab.db('triggers')?.entries ?? 0,
    info: slab.db('cell:info')?.get(Buffer.from('synapse:version')),
  }))
  const { hive } = cell
  const synapseVersion = versionOf(
    cell.info === undefined ? hive.get(['cellinfo', 'synapse:version']) : decode(cell.info),
  )
  const cortexVersion = versionOf(hive.get(['cellinfo', 'cortex:version']))
  const views = viewsOf(hive)
  const layers = layersOf(dir, hive, views, options)
  const modern = [synapseVersion, cortexVersion].some(
    (found) => found !== null && compareVersions(found, FIRST_2X) >= 0,
  )
  const names = (kind: string) => hive.children(['cortex', 'model', kind])
  const upgrade = planUpgrade(dir)
  return {
    dir,
    cellGuid: readCellGuid(dir),
    generation: modern || layers.some(({ layout }) => layout === '2.x') ? '2.x' : '0.1.x',
    synapseVersion: synapseVersion?.join('.') ?? null,
    cortexVersion: cortexVersion?.join('.') ?? null,
    inUse: isInUse(cellSlab),
    migrated: SlabReader.exists(cortexPaths(dir).migration.log),
    upgrade: upgrade === null ? [] : upgradeText(upgrade),
    layers,
    views,
    modules: modulesOf(dir),
    model: { forms: names('forms'), props: names('props'), univs: names('univs'), tagProps: names('tagprops') },
    queues: queuesOf(dir),
    triggers: cell.triggers + views.reduce((sum, { iden }) => sum + triggersOf(hive, iden), 0),
    crons: hive.children(['agenda', 'appts']).length,
    users: hive.children(['auth', 'users']).map((iden) => userOf(hive, iden)),
    roles: hive.children(['auth', 'roles']).map((iden) => hive.getText(['auth', 'roles', iden]) ?? iden),
    stormCommands: hive.children(['cortex', 'storm', 'cmds']).length,
    stormPackages: hive.children(['cortex', 'storm', 'packages']).length,
    services: hive.children(['cortex', 'storm', 'services']).length,
  }
}

function viewsOf(hive: Hive): ViewReport[] {
  const defaultView = hive.getText(['cellinfo', 'defaultview'])
  return hive.children(['cortex', 'views']).map((iden) => {
    const path = ['cortex', 'views', iden]
    const layers = hive.get([...path, 'layers'])
    return {
      iden,
      name: hive.getText([...path, 'name']) ?? null,
      layers: Array.isArray(layers) ? layers.map(String) : [],
      parent: hive.getText([...path, 'parent']) ?? null,
      isDefault: iden === defaultView,
    }
  })
}

function layersOf(dir: string, hive: Hive, views: readonly ViewReport[], options: InspectOptions): LayerReport[] {
  const found = readLayerDirs(dir)
  const dirs = found?.dirs ?? []
  const known = hive.children(['cortex', 'layers'])
  const named = views.flatMap(({ layers }) => layers)
  return [...new Set([...known, ...named, ...dirs.filter((name) => IDEN.test(name))])].sort().map((iden) => {
    const path = ['cortex', 'layers', iden]
    const isRemote = hive.get([...path, 'type']) === 'remote'
    const isHere = dirs.includes(iden)
    return {
      iden,
      name: hive.getText([...path, 'name']) ?? null,
      state: isRemote ? 'remote' : !isHere ? 'missing' : known.includes(iden) ? 'known' : 'orphan',
      reason: isRemote || isHere ? null : (found?.unreachable.get(iden)?.reason ?? 'it has no directory'),
      views: views.flatMap((view) => (view.layers.includes(iden) ? [view.iden] : [])),
      ...(isHere ? slabsOf(cortexPaths(dir).layer(iden).dir, iden, options) : NO_SLABS),
    }
  })
}

type SlabFacts = Pick<
  LayerReport,
  'layout' | 'modelVersion' | 'nodes' | 'nodeRows' | 'nodedata' | 'edits' | 'usedBytes'
>

const NO_SLABS: SlabFacts = {
  layout: null,
  modelVersion: null,
  nodes: null,
  nodeRows: null,
  nodedata: null,
  edits: null,
  usedBytes: 0,
}

function slabsOf(dir: string, iden: string, options: InspectOptions): SlabFacts {
  const path = (name: string) => join(dir, `${name}.lmdb`)
  const has = (name: string) => SlabReader.exists(path(name))
  const layout = has('layer_v2') ? '2.x' : has('layer') ? '0.1.x' : null
  const entries = (slab: string, db: string) =>
    has(slab) ? readSettled(path(slab), (reader) => reader.db(db)?.entries ?? null) : null
  const used = ['layer', 'layer_v2', 'nodedata', 'splices', 'nodeedits'].filter(has)
  const usedBytes = used.reduce(
    (sum, name) => sum + readSettled(path(name), (slab) => (slab.lastPage + 1) * slab.pageSize),
    0,
  )
  if (layout === null) return { ...NO_SLABS, usedBytes }
  const is01x = layout === '0.1.x'
  const slab = is01x ? 'layer' : 'layer_v2'
  const main = readSettled(path(slab), (reader) => ({
    version: layerVersion(reader),
    nodes: options.countNodes ? countBuids(reader, (rows, total) => options.progress(iden, rows, total)) : null,
  }))
  return {
    layout,
    modelVersion: versionOf(main.version ?? undefined)?.join('.') ?? null,
    nodes: main.nodes,
    nodeRows: entries(slab, 'bybuid'),
    nodedata: entries('nodedata', is01x ? 'bybuid' : 'nodedata'),
    edits: is01x ? entries('splices', 'splices') : entries('nodeedits', 'nodeedits'),
    usedBytes,
  }
}

/** Null for newer releases, which keep nodes in another db. */
function countBuids(slab: SlabReader, progress: (rows: number, total: number) => void): number | null {
  const db = slab.db('bybuid')
  if (db === undefined) return null
  const last = Buffer.alloc(BUID_BYTES)
  const cursor = db.cursor()
  let [buids, rows] = [0, 0]
  progress(0, db.entries)
  for (let more = cursor.seek(null); more; more = cursor.next()) {
    if (++rows % 2 ** 20 === 0) progress(rows, db.entries)
    const { buf, keyStart } = cursor
    let i = 0
    while (i < BUID_BYTES && buf[keyStart + i] === last[i]) i++
    if (i === BUID_BYTES && buids > 0) continue
    buids++
    last.set(buf.subarray(keyStart, Math.min(keyStart + BUID_BYTES, cursor.keyEnd)))
  }
  progress(rows, db.entries)
  return buids
}

function queuesOf(dir: string): { name: string; size: number | null }[] {
  const path = cortexPaths(dir).slab('queues')
  if (!SlabReader.exists(path)) return []
  return readSettled(path, (slab) => {
    const sizes = slab.db('cortex:queue:sizes')
    return [...(slab.db('cortex:queue:meta')?.rows() ?? [])].map(({ key }) => {
      const size = sizes?.get(key)
      const value = size === undefined ? null : decode(size)
      return { name: shown(text(key) as Value), size: typeof value === 'number' ? value : null }
    })
  })
}

function triggersOf(hive: Hive, view: string): number {
  return hive.children(['cortex', 'views', view, 'triggers']).length
}

function userOf(hive: Hive, iden: string): { name: string; admin: boolean; locked: boolean } {
  const path = ['auth', 'users', iden]
  const flag = (name: string) => hive.get([...path, name]) === true
  return { name: shown(hive.get(path) ?? iden), admin: flag('admin'), locked: flag('locked') }
}

function modulesOf(dir: string): string[] {
  const modules = readYamlFile(cortexPaths(dir).cellYaml)?.modules
  const list = Array.isArray(modules) ? modules : []
  return list.map((entry: unknown) => String(Array.isArray(entry) ? entry[0] : entry))
}

function shown(value: Value): string {
  return typeof value === 'string' ? value : JSON.stringify(toJson(value))
}

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { decode, PackMap } from '../bytes/msgpack.js'
import { MigrationError } from '../errors.js'
import { readCellGuid } from '../file/read-text.js'
import { cortexPaths } from '../layout/paths.js'
import { SOURCE_DBS, SOURCE_LAYER_VERSION } from '../layout/source-layer.js'
import type { Model } from '../model/model.js'
import type { ModelFile } from '../model/model-file.js'
import { SlabReader } from '../page/page-reader.js'
import { slabPrint } from '../page/slab-print.js'
import { Hive } from '../slab/hive.js'
import { isInUse } from '../slab/in-use.js'
import { MemorySlab } from '../slab/memory-slab.js'
import { compareVersions, showVersion, type Version, versionOf } from '../slab/version.js'
import { writeWhole } from '../slab/write-whole.js'
import { readExtModel } from '../source/cortex-dir.js'
import { modelOfFiles } from '../source/cortex-model.js'
import { findNodeRows, layerVersion } from '../source/source-dbs.js'
import { ChangedNodes } from './changed-nodes.js'
import { isOldHive, type OldAuth, upgradeHive } from './hive-upgrade.js'
import {
  findMoved,
  type LayerChanges,
  layerChanges,
  type OldLayer,
  rewriteLayer,
  rewriteNodedata,
} from './layer-upgrade.js'
import { MovedBuids } from './moved-buids.js'
import type { LayerRevision } from './revision.js'
import { REVISIONS } from './revisions/index.js'
import { type PutRow, rewriteSlab } from './rewrite-slab.js'

/** The layer's directory in the first releases. */
const FIRST_LAYER = '000-default'
/** The mark that splices were moved from `layer.lmdb` to a slab of their own. */
const SPLICES_MOVED = 'migrdone:splices'
/** The file beside an upgraded source that says what it was made from. */
const ORIGIN = '-origin.json'

/** What 0.1.58 would change in a source on its first start. */
export interface UpgradePlan {
  readonly srcDir: string
  readonly cellIden: string
  readonly hasOldHive: boolean
  readonly hasOldAuth: boolean
  readonly layers: readonly LayerUpgradePlan[]
}

export interface LayerUpgradePlan {
  /** The name of its directory. Also its iden after the upgrade, unless the name is the Cortex's iden. */
  readonly name: string
  readonly iden: string
  readonly dir: string
  /** Null when it has none: it is older than version 0.0.0 of the layer model. */
  readonly version: Version | null
  readonly revisions: readonly LayerRevision[]
  /** Whether its splices are in `layer.lmdb`, as before 0.1.0. */
  readonly splicesWithin: boolean
}

/**
 * Finds out what a source needs to become like one of 0.1.58. Null when it needs nothing, or when we cannot upgrade it.
 */
export function planUpgrade(srcDir: string): UpgradePlan | null {
  try {
    return readPlan(srcDir)
  } catch {
    // Not a readable Cortex directory: readSource() reports that.
    return null
  }
}

function readPlan(srcDir: string): UpgradePlan | null {
  const paths = cortexPaths(srcDir)
  const cellIden = readCellGuid(srcDir)
  if (cellIden === null || !SlabReader.exists(paths.slab('cell')) || !existsSync(paths.layers)) return null
  const hive = withSlab(paths.slab('cell'), (slab) => Hive.from(slab.db('hive')?.rows() ?? []))
  const hasOldAuth = SlabReader.exists(join(srcDir, 'auth', 'auth.lmdb'))
  const isOld = isOldHive(hive)
  const layers = readdirSync(paths.layers)
    .filter((name) => SlabReader.exists(join(paths.layers, name, 'layer.lmdb')))
    .map((name) => planLayer(join(paths.layers, name), isOld && name === FIRST_LAYER ? cellIden : name))
  const isOldLayer = ({ revisions, splicesWithin }: LayerUpgradePlan) => revisions.length > 0 || splicesWithin
  const hasOldHive = isOld && layers.some(({ iden }) => iden === cellIden)
  if (!hasOldHive && !hasOldAuth && !layers.some(isOldLayer)) return null
  return { srcDir, cellIden, hasOldHive, hasOldAuth, layers }
}

const NO_CHANGES: LayerChanges = { nodes: new ChangedNodes(), data: new ChangedNodes() }

/** What an upgrade changes, one line each. */
export function upgradeText({ hasOldHive, hasOldAuth, layers }: UpgradePlan): string[] {
  return [
    ...(hasOldAuth ? ['the users and roles of the "auth" directory move to the hive'] : []),
    ...(hasOldHive ? ['the layer and the view that have the iden of the Cortex get idens of their own'] : []),
    ...layers.flatMap(({ name, version, revisions, splicesWithin }) => {
      const model = version === null ? 'no model version' : `model version ${showVersion(version)}`
      const what = [...revisions.map((revision) => revision.what), ...(splicesWithin ? ['where its splices lie'] : [])]
      return what.length === 0 ? [] : [`layer ${name}, of ${model}: ${what.join('; ')}`]
    }),
  ]
}

/**
 * Turns an old source into what 0.1.58 would leave after its start: a directory below `dir`, with links to everything
 * that does not change. Reuses an earlier upgrade of the same source and content.
 *
 * @returns the directory to migrate
 * @throws {MigrationError} ERR_SOURCE when the source is in use; ERR_SLAB_CORRUPT; ERR_DEST when it cannot write `dir`
 */
export function upgradeSource(plan: UpgradePlan, dir: string, modelFiles: readonly ModelFile[]): string {
  refuseInUse(plan)
  const origin = originOf(plan, modelFiles)
  if (isMadeFrom(dir, origin)) return dir
  rmSync(originPath(dir), { force: true })
  make(plan, dir, modelFiles)
  // Written last, outside of the directory: without it we make the directory again.
  writeWhole(originPath(dir), origin)
  return dir
}

/** Like `upgradeSource()`, but links to the layers unchanged: enough to look at the Cortex without its nodes. */
export function upgradeCellOnly(plan: UpgradePlan, dir: string): string {
  make(plan, dir, null)
  return dir
}

function make(plan: UpgradePlan, dir: string, modelFiles: readonly ModelFile[] | null): void {
  const part = `${dir}.part`
  for (const old of [dir, part]) rmSync(old, { recursive: true, force: true })
  mkdirSync(part, { recursive: true, mode: 0o700 })
  const renamed = upgradeCell(plan, part)
  upgradeLayers(plan, part, renamed, modelFiles)
  for (const name of readdirSync(plan.srcDir)) {
    if (name === 'slabs' || name === 'layers') continue
    link(join(plan.srcDir, name), join(part, name === 'auth' && plan.hasOldAuth ? 'auth.old' : name))
  }
  renameSync(part, dir)
}

function planLayer(dir: string, iden: string): LayerUpgradePlan {
  try {
    return readLayerPlan(dir, iden)
  } catch {
    // The next reader reports what is wrong with it.
    return { name: basename(dir), iden, dir, version: null, revisions: [], splicesWithin: false }
  }
}

function readLayerPlan(dir: string, iden: string): LayerUpgradePlan {
  return withSlab(join(dir, 'layer.lmdb'), (slab) => {
    const stored = layerVersion(slab)
    const version = stored === null ? null : (versionOf(stored) ?? SOURCE_LAYER_VERSION)
    // A layer that never held anything has no version.
    const isEmpty = (findNodeRows(slab)?.entries ?? 0) === 0 && (slab.db(SOURCE_DBS.splices.db)?.entries ?? 0) === 0
    const isOlder = ({ version: later }: LayerRevision) => version === null || compareVersions(version, later) < 0
    const revisions = isEmpty ? [] : REVISIONS.filter(isOlder)
    const splices = slab.db(SOURCE_DBS.splices.db)?.entries ?? 0
    const isMoved = slab.db('meta')?.get(Buffer.from(SPLICES_MOVED)) !== undefined
    return { name: basename(dir), iden, dir, version, revisions, splicesWithin: splices > 0 && !isMoved }
  })
}

/** Writes the Cortex's own slabs. Returns new idens of layers by their old ones. */
function upgradeCell(plan: UpgradePlan, part: string): ReadonlyMap<string, string> {
  const from = cortexPaths(plan.srcDir)
  const to = cortexPaths(part)
  mkdirSync(to.slabs, { mode: 0o700 })
  for (const name of readdirSync(from.slabs)) {
    if (name !== basename(from.slab('cell'))) link(join(from.slabs, name), join(to.slabs, name))
  }
  return withSlab(from.slab('cell'), (slab) => {
    const copy = new MemorySlab(slab)
    const hive = Hive.from(copy.db('hive').rows())
    const { renamedLayer } = upgradeHive({
      cellIden: plan.cellIden,
      hive,
      triggers: copy.db('triggers'),
      oldAuth: plan.hasOldAuth ? readOldAuth(plan.srcDir) : null,
      hasFirstLayer: plan.layers.some(({ iden }) => iden === plan.cellIden),
    })
    const { puts, deletes } = hive.changes()
    for (const key of deletes) copy.db('hive').delete(key)
    for (const { key, value } of puts) copy.db('hive').put(key, value)
    const rows = new Map(
      ['hive', 'triggers'].map((name) => [
        name,
        (put: PutRow) => {
          for (const { key, value } of copy.db(name).rows()) put(key, 0, key.length, value, 0, value.length)
        },
      ]),
    )
    rewriteSlab(slab, to.slab('cell'), { keeps: () => true, rows })
    return new Map(renamedLayer === null ? [] : [[renamedLayer.from, renamedLayer.to]])
  })
}

function upgradeLayers(
  plan: UpgradePlan,
  part: string,
  renamed: ReadonlyMap<string, string>,
  modelFiles: readonly ModelFile[] | null,
): void {
  const model = modelOf(part, modelFiles ?? [])
  const moved = new MovedBuids()
  const open = plan.layers.map((layer) => ({ layer, old: openLayer(layer) }))
  try {
    if (modelFiles !== null) for (const { old } of open) findMoved(model, old, moved)
    for (const { layer, old } of open) {
      const to = cortexPaths(part).layer(renamed.get(layer.iden) ?? layer.iden)
      mkdirSync(to.dir, { recursive: true, mode: 0o700 })
      const { nodes, data } = modelFiles === null ? NO_CHANGES : layerChanges(model, old, moved)
      const made = new Set<string>()
      if (nodes.size > 0) {
        rewriteLayer(model, old, to.slab('layer'), nodes)
        made.add('layer.lmdb')
      }
      if (data.size > 0 && old.nodedata !== null) {
        rewriteNodedata(old.nodedata, to.slab('nodedata'), data)
        made.add('nodedata.lmdb')
      }
      if (layer.splicesWithin) {
        link(join(layer.dir, 'layer.lmdb'), to.slab('splices'))
        made.add('splices.lmdb')
      }
      for (const name of readdirSync(layer.dir)) if (!made.has(name)) link(join(layer.dir, name), join(to.dir, name))
    }
    const first = open.find(({ layer }) => layer.splicesWithin)?.old.layer
    if (first !== undefined) movePast(first, join(cortexPaths(part).slabs, 'prov.lmdb'))
  } finally {
    for (const { old } of open) {
      old.layer.close()
      old.nodedata?.close()
    }
  }
  linkOthers(plan, part)
}

/** Before 0.1.0 provenance had no slab of its own. */
function movePast(layer: SlabReader, dir: string): void {
  const names = ['prov', 'provs']
  if (existsSync(dir) || !names.some((name) => (layer.db(name)?.entries ?? 0) > 0)) return
  rewriteSlab(layer, dir, { keeps: (db) => names.includes(db), rows: new Map(), main: [] })
}

/** Links everything else beside the layers. */
function linkOthers(plan: UpgradePlan, part: string): void {
  const from = cortexPaths(plan.srcDir).layers
  const to = cortexPaths(part).layers
  const known = new Set(plan.layers.map(({ name }) => name))
  mkdirSync(to, { recursive: true, mode: 0o700 })
  for (const name of readdirSync(from)) if (!known.has(name)) link(join(from, name), join(to, name))
}

function openLayer({ dir, revisions }: LayerUpgradePlan): OldLayer {
  const nodedata = join(dir, 'nodedata.lmdb')
  return {
    revisions,
    layer: SlabReader.open(join(dir, 'layer.lmdb')),
    nodedata: SlabReader.exists(nodedata) ? SlabReader.open(nodedata) : null,
  }
}

function modelOf(dir: string, files: readonly ModelFile[]): Model {
  const model = modelOfFiles(files)
  withSlab(cortexPaths(dir).slab('cell'), (slab) =>
    model.addExtendedModel(readExtModel(Hive.from(slab.db('hive')?.rows() ?? []))),
  )
  return model
}

function readOldAuth(srcDir: string): OldAuth {
  return withSlab(join(srcDir, 'auth', 'auth.lmdb'), (slab) => {
    const rows = (db: string) =>
      [...(slab.db(db)?.rows() ?? [])].map(({ key, value }) => {
        const info = decode(value)
        return { name: Buffer.from(key).toString('utf8'), info: info instanceof PackMap ? info : new PackMap([]) }
      })
    return { users: rows('users'), roles: rows('roles') }
  })
}

function refuseInUse({ srcDir, layers }: UpgradePlan): void {
  const slabs = [cortexPaths(srcDir).slab('cell'), ...layers.map(({ dir }) => join(dir, 'layer.lmdb'))]
  const used = slabs.find(isInUse)
  if (used === undefined) return
  throw new MigrationError('ERR_SOURCE', `Cannot upgrade the old Cortex "${srcDir}": a process has "${used}" open`, {
    hint: 'Stop that Cortex, or give a backup of it',
  })
}

/** A text that identifies what an upgrade is made from. It changes with the content, the models and the place. */
function originOf({ srcDir, layers }: UpgradePlan, modelFiles: readonly ModelFile[]): string {
  const slabs = [
    cortexPaths(srcDir).slab('cell'),
    ...layers.flatMap(({ dir }) => ['layer', 'nodedata'].map((name) => join(dir, `${name}.lmdb`))),
  ].filter(SlabReader.exists)
  const prints = slabs.map((path) => [path, slabPrint(path)])
  const json = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)
  return `${JSON.stringify({ version: 1, srcDir: realpathSync(srcDir), prints, modelFiles }, json)}\n`
}

function isMadeFrom(dir: string, origin: string): boolean {
  if (!existsSync(dir) || !existsSync(originPath(dir))) return false
  return readFileSync(originPath(dir), 'utf8') === origin
}

function originPath(dir: string): string {
  return `${dir}${ORIGIN}`
}

function link(from: string, to: string): void {
  symlinkSync(resolve(from), to)
}

function withSlab<T>(path: string, use: (slab: SlabReader) => T): T {
  const slab = SlabReader.open(path)
  try {
    return use(slab)
  } finally {
    slab.close()
  }
}

import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statfsSync,
  statSync,
} from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import type { Value } from '../bytes/msgpack.js'
import { formatBytes } from '../bytes/size-text.js'
import { MigrationError } from '../errors.js'
import { destState } from '../inspect/dest-state.js'
import { cortexPaths } from '../layout/paths.js'
import { SlabReader } from '../page/page-reader.js'
import { loadLmdb } from '../slab/binding.js'
import type { Hive } from '../slab/hive.js'
import { isInUse } from '../slab/in-use.js'
import { slabBytes } from '../slab/slab-bytes.js'
import { compareVersions, showVersion, type Version, versionOf } from '../slab/version.js'
import { readYamlFile, type YamlMap } from '../slab/yaml-file.js'
import {
  countStorm,
  type LayerFacts,
  readLayerFacts,
  type SourceCortex,
  type SourceLayer,
} from '../source/cortex-dir.js'

/** The layout of a 0.1.x layer that can be migrated, its last one. */
const LAYER_VERSION: Version = [0, 1, 3]
const NO_VERSION: Version = [-1, -1, -1]
/** The range that Synapse 2.8's migration demands. */
const MIN_CORTEX: Version = [0, 1, 56]
const END_CORTEX: Version = [0, 2, 0]

const LAYER_SLABS = ['layer', 'nodedata', 'splices'] as const
/** Files that a migration has open beside those of layers. */
const OWN_FILES = 96
/** Paths that a finding names. */
const MOST_LISTED = 3

export interface PreflightOptions {
  readonly destDir: string
  readonly ops: ReadonlySet<string>
  /** Whether to migrate layer directories that the hive does not know. */
  readonly orphanLayers: boolean
  readonly fromLast: boolean
  /** Whether layers that the reference has migrated are made anew. */
  readonly restart: boolean
  /** Model files given, which stand for the Python modules of cell.yaml. */
  readonly modelFiles: readonly unknown[]
  readonly workers: number
  readonly memoryBytes: number
}

/** What the system allows; tests give other answers. */
export interface System {
  /** How much may be written below a directory. */
  freeBytes(dir: string): number
  /** How many files the process may have open; null when that is unknown. */
  openFiles(): number | null
  /** Whose process this is, and whose a file is. */
  uid(): number
  ownerOf(path: string): number
  canRead(path: string): boolean
  canWrite(dir: string): boolean
}

const system: System = {
  freeBytes: freeBytesOf,
  openFiles: openFilesLimit,
  uid: () => process.getuid?.() ?? 0,
  ownerOf: (path) => statSync(path).uid,
  canRead: (path) => isAllowed(path, constants.R_OK),
  canWrite: (dir) => isAllowed(dir, constants.W_OK | constants.X_OK),
}

/** A finding, and what to do about it. */
export interface Finding {
  readonly text: string
  readonly hint: string
}

export interface Preflight {
  /** What makes the migration impossible; all of it. */
  readonly problems: readonly Finding[]
  /** What the operator should know before it starts. */
  readonly warnings: readonly Finding[]
  /** What the operator should know when it is done. */
  readonly notes: readonly string[]
  /** Idens of the layers to migrate, sorted. */
  readonly layers: readonly string[]
}

/** Looks at source and destination before anything is written, without opening an LMDB environment. */
export async function preflight(
  source: SourceCortex,
  options: PreflightOptions,
  answers: Partial<System> = {},
): Promise<Preflight> {
  const sys = { ...system, ...answers }
  const problems: Finding[] = []
  const warnings: Finding[] = []
  const chosen = options.orphanLayers ? [...source.layers, ...source.orphans] : source.layers
  const layers = [...chosen].sort((a, b) => (a.iden < b.iden ? -1 : 1))
  const unreadable = unreadableFiles(source, layers, sys)
  const isReadable = ({ dir }: SourceLayer) => !unreadable.some((path) => path.startsWith(dir))
  const facts = new Map(layers.filter(isReadable).map((layer) => [layer, readLayerFacts(layer)]))
  problems.push(...(await checkBinding()), ...checkPaths(source.dir, options.destDir))
  problems.push(
    ...checkAccess(source, unreadable, options.destDir, sys),
    ...checkLive(layers, options.destDir),
    ...checkDest(source, options),
    ...checkLayerMakers(layers, options),
    ...checkRemote(source),
    ...checkLayers(facts),
    ...checkYaml(source.dir),
  )
  checkVersion(source, problems, warnings)
  checkSpace(source, facts, options, sys.freeBytes(nearestDir(options.destDir)), problems, warnings)
  problems.push(...checkOpenFiles(facts, options, sys.openFiles()))
  warnings.push(
    ...fileOwnerWarnings(source, options.destDir, sys),
    ...layerWarnings(source, options, facts),
    ...ownerWarnings(source.hive),
    ...moduleWarnings(source.dir, options),
  )
  warnings.push(...opWarnings(options))
  return { problems, warnings, notes: notesOf(source), layers: layers.map(({ iden }) => iden) }
}

async function checkBinding(): Promise<Finding[]> {
  try {
    await loadLmdb()
    return []
  } catch (error) {
    return [findingOf(error)]
  }
}

function checkPaths(srcDir: string, destDir: string): Finding[] {
  const [src, dest] = [realPath(srcDir), realPath(destDir)]
  const refused = (how: string): Finding[] => [
    {
      text: `Cannot migrate "${srcDir}" to "${destDir}": ${how}`,
      hint: 'give --dest a new directory outside of the source',
    },
  ]
  if (existsSync(dest) && !statSync(dest).isDirectory()) return refused('the destination is no directory')
  if (src === dest) return refused('source and destination are the same directory')
  if (isInside(dest, src)) return refused('the destination lies inside the source')
  return isInside(src, dest) ? refused('the source lies inside the destination') : []
}

/** Files of the source that must be read and cannot. */
function unreadableFiles({ dir }: SourceCortex, layers: readonly SourceLayer[], sys: System): string[] {
  const files = ['cell.guid', 'cell.yaml', 'boot.yaml'].map((name) => join(dir, name))
  const slabs = layers.flatMap((layer) => LAYER_SLABS.map((name) => join(layer.dir, `${name}.lmdb`, 'data.mdb')))
  return [...files, ...slabs].filter((path) => existsSync(path) && !sys.canRead(path))
}

function checkAccess({ dir }: SourceCortex, unreadable: readonly string[], destDir: string, sys: System): Finding[] {
  const found: Finding[] = []
  const listed = (paths: readonly string[]) => {
    const more = paths.length > MOST_LISTED ? ` and ${paths.length - MOST_LISTED} more` : ''
    return `${paths
      .slice(0, MOST_LISTED)
      .map((path) => `"${path}"`)
      .join(', ')}${more}`
  }
  if (unreadable.length > 0) {
    found.push({
      text: `Cannot read ${listed(unreadable)}: user ${sys.uid()} may not`,
      hint: `run as user ${sys.ownerOf(dir)}, who owns the source, or let this one read it: chmod -R a+rX ${dir}`,
    })
  }
  const nearest = nearestDir(destDir)
  const within = existsSync(destDir) && statSync(destDir).isDirectory() ? destDirs(destDir) : []
  const unwritable = [nearest, ...within].filter((path) => statSync(path).isDirectory() && !sys.canWrite(path))
  if (unwritable.length > 0) {
    found.push({
      text: `Cannot write to ${listed(unwritable)}: user ${sys.uid()} may not, or the disk is read-only`,
      hint: `run as user ${sys.ownerOf(unwritable[0])}, who owns it, or give --dest another directory`,
    })
  }
  return found
}

/** Directories of a destination that a migration writes to. */
function destDirs(destDir: string): string[] {
  const dirs = ['slabs', 'migration', 'layers'].map((name) => join(destDir, name)).filter((dir) => existsSync(dir))
  const layersDir = cortexPaths(destDir).layers
  const layers = existsSync(layersDir) ? readdirSync(layersDir).map((name) => join(layersDir, name)) : []
  return [...dirs, ...layers]
}

/** Whoever has a layer of the destination open would go on with files that are no longer there. */
function checkLive(layers: readonly SourceLayer[], destDir: string): Finding[] {
  return layers.flatMap(({ iden }) => {
    const path = cortexPaths(destDir).layer(iden).slab('layer_v2')
    if (!existsSync(path) || !isInUse(path)) return []
    return [
      {
        text: `Cannot migrate into "${destDir}": a process has layer ${iden} open`,
        hint: 'stop the Cortex that runs there, or give --dest a new directory',
      },
    ]
  })
}

/** Each thread keeps the slabs of all layers open; runs are open only while they are read. */
function checkOpenFiles(
  facts: ReadonlyMap<SourceLayer, LayerFacts>,
  { workers }: PreflightOptions,
  limit: number | null,
): Finding[] {
  const need = OWN_FILES + facts.size * LAYER_SLABS.length * (workers + 2) + workers
  if (limit === null || limit >= need) return []
  return [
    {
      text: `This process may have ${limit} files open, the migration needs up to ${need}`,
      hint: `raise the limit first: ulimit -n ${need}`,
    },
  ]
}

/** Synapse must be able to open what is made here. */
function fileOwnerWarnings({ dir }: SourceCortex, destDir: string, sys: System): Finding[] {
  const [owner, uid] = [sys.ownerOf(dir), sys.uid()]
  if (uid !== 0 || owner === 0) return []
  return [
    {
      text: `The source belongs to user ${owner}, this runs as root: the destination will belong to root`,
      hint: `run it as user ${owner}, or give the destination to that user before Synapse starts: chown -R ${owner} ${destDir}`,
    },
  ]
}

function checkDest(source: SourceCortex, { destDir, ops }: PreflightOptions): Finding[] {
  const state = destState(destDir)
  if (state.kind === 'unreadable') {
    return [
      {
        text: `Cannot use destination "${destDir}": ${state.reason}`,
        hint: 'remove it, or give --dest a new directory',
      },
    ]
  }
  if (state.kind === 'none') {
    if (ops.has('dirn')) return []
    const text = `Cannot run ${[...ops].join(' ')} on "${destDir}": there is no Cortex in it`
    return [{ text, hint: 'add the step dirn, which makes it from the source' }]
  }
  const found: Finding[] = []
  if (state.booted !== null) {
    found.push({
      text: `Cannot migrate into "${destDir}": Synapse ${state.booted} has been started on it, what it has since would be lost`,
      hint: 'give --dest a new directory; to start over, remove this one yourself',
    })
  }
  if (source.cellGuid !== null && state.guid !== null && state.guid !== source.cellGuid) {
    found.push({
      text: `Cannot migrate into "${destDir}": it belongs to the Cortex ${state.guid}, the source is ${source.cellGuid}`,
      hint: 'give --dest a new directory',
    })
  }
  return found
}

/** A layer that somebody else has made is not replaced unasked: nobody here can tell what it holds. */
function checkLayerMakers(layers: readonly SourceLayer[], { destDir, ops, restart }: PreflightOptions): Finding[] {
  const isOurs = SlabReader.exists(cortexPaths(destDir).migration.checkpoints)
  if (isOurs || !['nodes', 'nodedata', 'splices'].some((op) => ops.has(op))) return []
  const there = layers.filter(({ iden }) => SlabReader.exists(cortexPaths(destDir).layer(iden).slab('layer_v2')))
  if (there.length === 0) return []
  const isMigrated = SlabReader.exists(cortexPaths(destDir).migration.log)
  if (isMigrated && restart) return []
  const list = there.map(({ iden }) => iden).join(', ')
  const made = isMigrated ? 'another tool has migrated' : 'there is no record of who made'
  return [
    {
      text: `Cannot migrate into "${destDir}": ${made} layer ${list}`,
      hint: isMigrated
        ? 'add --restart to make these layers anew, or give --dest a new directory'
        : 'give --dest a new directory',
    },
  ]
}

function checkRemote({ remote }: SourceCortex): Finding[] {
  return remote.map((iden) => ({
    text: `${iden} is a remote layer - it must be unconfigured to proceed with migration`,
    hint: `remove layer ${iden} from its views in the 0.1.x Cortex, or migrate the Cortex that it lives in`,
  }))
}

function checkLayers(facts: ReadonlyMap<SourceLayer, LayerFacts>): Finding[] {
  const found: Finding[] = []
  for (const [{ iden, dir }, { hasLayerSlab, modelVersion }] of facts) {
    if (!hasLayerSlab) {
      found.push({
        text: `Cannot migrate layer ${iden}: there is no ${join(dir, 'layer.lmdb', 'data.mdb')}`,
        hint: 'restore it from a backup; if the layer never held anything, start and stop the 0.1.x Cortex once',
      })
      continue
    }
    const version = versionOf(modelVersion ?? undefined) ?? NO_VERSION
    if (compareVersions(version, LAYER_VERSION) === 0) continue
    const why = modelVersion === null ? 'the layer has no version yet: ' : ''
    found.push({
      text: `Layer ${iden} model version must be at latest 01x vers: ${showVersion(version)} != ${showVersion(LAYER_VERSION)}`,
      hint: `${why}start and stop the Cortex once with Synapse 0.1.58, which brings its layers up to date`,
    })
  }
  return found
}

function checkYaml(srcDir: string): Finding[] {
  return ['cell.yaml', 'boot.yaml'].flatMap((name) => {
    try {
      readYamlFile(join(srcDir, name))
      return []
    } catch (error) {
      return [findingOf(error)]
    }
  })
}

function checkVersion({ dir, hive, cellGuid, layers }: SourceCortex, problems: Finding[], warnings: Finding[]): void {
  const version = versionOf(hive.get(['cellinfo', 'cortex:version']))
  const upgrade = 'start and stop the Cortex once with Synapse 0.1.58 before you migrate it'
  if (version === null) {
    warnings.push({ text: 'Unable to read src cortex version; consider upgrading before proceeding', hint: upgrade })
  } else if (compareVersions(version, END_CORTEX) >= 0) {
    const text = `Cannot migrate "${dir}": it is a Cortex of version ${showVersion(version)} already`
    problems.push({ text, hint: 'give --src the directory of a 0.1.x Cortex' })
  } else if (compareVersions(version, MIN_CORTEX) < 0) {
    const text = `Source Cortex does not meet minimum version: req=>=0.1.56,<0.2.0 actual=${showVersion(version)}`
    warnings.push({ text, hint: upgrade })
  }
  if (cellGuid === null) {
    problems.push({
      text: `Unable to read cell guid at ${cortexPaths(dir).guid}`,
      hint: 'restore the file from a backup',
    })
  }
  for (const { iden } of layers.filter((layer) => layer.iden === cellGuid)) {
    const text = `${iden} equal to Cortex iden - source may not be properly updated to latest version`
    warnings.push({ text, hint: upgrade })
  }
}

/** The new layers take about as much room as the old ones, and sorting them as much again for a while. */
function checkSpace(
  { dir }: SourceCortex,
  facts: ReadonlyMap<SourceLayer, LayerFacts>,
  { ops, fromLast }: PreflightOptions,
  free: number,
  problems: Finding[],
  warnings: Finding[],
): void {
  const layerBytes = [...facts.values()].reduce((sum, { usedBytes }) => sum + usedBytes, 0)
  const hasData = ['nodes', 'nodedata', 'splices'].some((op) => ops.has(op))
  const copied = ops.has('dirn') ? slabBytes(cortexPaths(dir).slabs) + slabBytes(cortexPaths(dir).axon) : 0
  const least = copied + (hasData ? layerBytes : 0)
  const text = `The destination's disk has ${formatBytes(free)} free, the migration needs about ${formatBytes(least)}`
  const hint = 'free some space, or give --dest a directory on a larger disk'
  // A run that goes on has used its room already.
  if (free < least && !fromLast) problems.push({ text, hint })
  else if (free < least + layerBytes) warnings.push({ text: `${text}, and as much again for a while`, hint })
}

function layerWarnings(
  source: SourceCortex,
  { orphanLayers }: PreflightOptions,
  facts: ReadonlyMap<SourceLayer, LayerFacts>,
): Finding[] {
  const found: Finding[] = []
  for (const { iden } of orphanLayers ? [] : source.orphans) {
    const text = `Layer directory ${iden} is not in the hive, a deleted layer leaves its directory behind: it is left out`
    found.push({ text, hint: 'to migrate it as well, give --orphan-layers' })
  }
  for (const iden of source.missing) {
    const text = `Layer ${iden} of the hive has no directory: it will be an empty layer`
    found.push({ text, hint: 'if it should hold something, restore its directory from a backup first' })
  }
  for (const name of source.strays) {
    found.push({
      text: `"${cortexPaths(source.dir).layer(name).dir}" is no layer: it is left out`,
      hint: 'none of it is needed',
    })
  }
  for (const [{ iden }, { hasLayerSlab, hasNodeData, nextSplice, feedOffsets }] of facts) {
    if (!hasLayerSlab) continue
    const text = `Layer ${iden} has no slab`
    if (!hasNodeData)
      found.push({ text: `${text} nodedata.lmdb: it has no node data`, hint: 'restore it if it had some' })
    if (nextSplice === null)
      found.push({ text: `${text} splices.lmdb: it has no history`, hint: 'restore it if it had one' })
    for (const [feed, offset] of feedOffsets) {
      const kept = `Layer ${iden} keeps a feed position, which 2.x has no place for: ${feed} is at ${offset}`
      found.push({ text: kept, hint: 'let whatever feeds this Cortex go on from there' })
    }
  }
  return found
}

function ownerWarnings(hive: Hive): Finding[] {
  const users = new Set<Value>(
    hive.children(['auth', 'users']).map((iden) => hive.get(['auth', 'users', iden]) ?? null),
  )
  const found: Finding[] = []
  if (!users.has('root')) {
    found.push({ text: 'There is no user "root"', hint: 'start and stop the 0.1.x Cortex once, which makes it' })
  }
  for (const kind of ['layers', 'views'] as const) {
    for (const iden of hive.children(['cortex', kind])) {
      const owner = hive.get(['cortex', kind, iden, 'owner']) ?? null
      if (owner === null || users.has(owner)) continue
      const text = `The owner of ${kind.slice(0, -1)} ${iden}, ${String(owner)}, is no user: root becomes its creator`
      found.push({ text, hint: 'nothing needs to be done' })
    }
  }
  return found
}

/** Python modules cannot be run here: what they add to the model has to come from model files. */
function moduleWarnings(srcDir: string, { modelFiles }: PreflightOptions): Finding[] {
  const names = moduleNames(srcDir)
  if (names.length === 0) return []
  const list = names.join(', ')
  if (modelFiles.length > 0) {
    const text = `cell.yaml names Python modules: ${list}; of their models only what the model files say is known`
    return [{ text, hint: 'see that each of them has a model file' }]
  }
  const text = `cell.yaml names Python modules, whose models are unknown here: ${list}; nodes of their forms cannot be migrated`
  return [{ text, hint: 'export the models to a file and give it with --model, see docs/model-file.md' }]
}

function moduleNames(srcDir: string): string[] {
  let conf: YamlMap | null
  try {
    conf = readYamlFile(cortexPaths(srcDir).cellYaml)
  } catch {
    return [] // Reported as a problem.
  }
  const modules = Array.isArray(conf?.modules) ? conf.modules : []
  return modules.map((entry: unknown) => String(Array.isArray(entry) ? entry[0] : entry))
}

function opWarnings({ ops }: PreflightOptions): Finding[] {
  const before = ['triggers', 'cron', 'queues'].filter((op) => !ops.has(op))
  if (!ops.has('hiveauth') || !ops.has('dirn') || before.length === 0) return []
  const text = `hiveauth makes the gates of what is migrated already, and ${before.join(', ')} will not be`
  return [{ text, hint: 'run hiveauth again after them' }]
}

function notesOf(source: SourceCortex): string[] {
  const { triggers, crons, commands } = countStorm(source)
  const notes: string[] = []
  if (triggers + crons + commands > 0) {
    const counts = `${triggers} triggers, ${crons} cron jobs, ${commands} commands and packages`
    notes.push(`Storm text is carried over as it is, not translated: check that of ${counts} in the new Cortex`)
  }
  if (source.hive.children(['cortex', 'views']).length > 1) {
    notes.push(
      'Everybody could read every view in 0.1.x; in 2.x the role "all" may read the default view, grant the others',
    )
  }
  return notes
}

function isAllowed(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}

/** The hard limit: Node raises the soft one to it when it starts. */
function openFilesLimit(): number | null {
  if (!existsSync('/proc/self/limits')) return null
  const found = /^Max open files +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  return found === undefined || found === 'unlimited' ? null : Number(found)
}

function freeBytesOf(dir: string): number {
  const { bavail, bsize } = statfsSync(dir)
  return bavail * bsize
}

function nearestDir(path: string): string {
  let dir = resolve(path)
  while (!existsSync(dir)) dir = dirname(dir)
  return dir
}

/** The real path, also of what does not exist yet. */
function realPath(path: string): string {
  const existing = nearestDir(path)
  return join(realpathSync(existing), relative(existing, resolve(path)))
}

function isInside(path: string, dir: string): boolean {
  return path.startsWith(dir.endsWith(sep) ? dir : dir + sep)
}

function findingOf(error: unknown): Finding {
  if (error instanceof MigrationError) return { text: error.message, hint: error.hint ?? '' }
  throw error
}

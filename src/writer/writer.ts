import { resolve } from 'node:path'
import type { MessagePort } from 'node:worker_threads'
import type { ByteList } from '../bytes/byte-list.js'
import { hexBytes } from '../bytes/hex.js'
import { decode, PackMap, pyEquals } from '../bytes/msgpack.js'
import { Checkpoints, parsedRecord, type StreamNote } from '../dest/checkpoints.js'
import { makeEmptySlabs } from '../dest/empty-slabs.js'
import { LayerReplay, type ReplayedNode } from '../dest/layer-replay.js'
import { MigrationLog } from '../dest/migration-log.js'
import { nexusEdits } from '../dest/nexus-edits.js'
import { NexusLog, reserveEditIndexes } from '../dest/nexus-log.js'
import { installSlabs, SlabBuild, type StreamResult } from '../dest/slab-build.js'
import { assert } from '../errors.js'
import { keepCode } from '../file/compiled-code.js'
import { cortexPaths } from '../layout/paths.js'
import { type PlacedStream, placedStream } from '../layout/records.js'
import type { StreamState } from '../page/page-chunk.js'
import { SlabReader } from '../page/page-reader.js'
import { syncRuns } from '../run/run-file.js'
import { loadLmdb } from '../slab/binding.js'
import { syncTree } from '../slab/write-whole.js'
import type { MigrOp, StepContext } from '../step/context.js'
import { copyDirn } from '../step/dirn.js'
import { writeOffsets, writeVersions } from '../step/reports.js'
import { runCellSteps } from '../step/run-cell-steps.js'
import type { Credits, PackedRecord } from '../thread/chunk-sender.js'
import { emptySkipped } from './skipped-layers.js'

/** Address space for the nexus log, which may grow as large as all layers. It costs no memory. */
const NEXUS_MAP_BYTES = 2 ** 42
/** A partition's note has some kilobytes, more with more forms. */
const NOTES_AT_ONCE = 256

/**
 * Everything that writes to the destination; runs in one thread. The coordinator calls its methods through
 * `WriterClient`, so arguments and results must be cloneable.
 */
export class Writer {
  private opened: MigrationLog | null = null
  private saved: Checkpoints | null = null
  private readonly builds = new Map<string, SlabBuild>()
  private replay: OpenLayer | null = null
  private nexusLog: NexusLog | null = null
  private axonCopied: Promise<void> = Promise.resolve()

  /** @param log receives the lines that the steps write */
  constructor(private readonly log: StepContext['log']) {}

  /** Loads the LMDB binding, which may take a while, or says why it cannot be used. */
  async loadBinding(_: object): Promise<void> {
    await loadLmdb()
  }

  /** Step `dirn`. May return before the axon is copied, see finishDirn(). */
  async copyDirn(args: {
    srcDir: string
    givenDir: string
    destDir: string
    layers: readonly string[]
    emptyLayers: readonly string[]
  }): Promise<void> {
    const { axon } = await copyDirn({ ...args, log: this.log })
    this.axonCopied = axon
  }

  finishDirn(_: object): Promise<void> {
    return this.axonCopied
  }

  async open({ destDir }: { destDir: string }): Promise<void> {
    this.opened = await MigrationLog.open(destDir)
    this.saved = await Checkpoints.open(destDir)
  }

  /** Runs the steps for the cell as a whole, in order. */
  async cellSteps(args: {
    srcDir: string
    destDir: string
    ops: readonly MigrOp[]
    layers: readonly string[]
    modelWarnings: readonly string[]
    destDedicated: boolean
  }): Promise<number> {
    const { log, migrationLog: migrlog } = this
    return runCellSteps({ ...args, ops: new Set(args.ops), log, migrlog, now: Date.now })
  }

  /**
   * Logs the node edits of layers in the nexus log (`--add-mode nexus`), and reserves the indexes of their edit logs,
   * because some releases would overwrite them.
   */
  async nexus(args: { destDir: string; logLayers: readonly string[]; batchSize: number }): Promise<void> {
    const { destDir, logLayers, batchSize } = args
    const nexus = logLayers.length > 0 ? await NexusLog.open(destDir, NEXUS_MAP_BYTES) : null
    for (const layer of logLayers) {
      const key = `nexus/${layer}`
      if (this.checkpoints.get(key) !== null) continue
      const userIden = this.creatorOf(destDir, layer)
      nexus?.append(nexusEdits(destDir, layer, { batchSize, userIden, now: Date.now }))
      this.checkpoints.put(key, {})
    }
    await reserveEditIndexes(destDir, nexus)
  }

  /**
   * Opens a finished layer to add nodes that failed earlier.
   *
   * @param buids all nodes that may be added, end to end
   */
  async openLayer({ destDir, iden, buids }: { destDir: string; iden: string; buids: Uint8Array }): Promise<void> {
    const layer = await LayerReplay.open(destDir, iden)
    const isLogged = this.checkpoints.get(`nexus/${iden}`) !== null
    if (isLogged) this.nexusLog ??= await NexusLog.open(destDir, NEXUS_MAP_BYTES)
    const wanted = new Set<string>()
    for (let at = 0; at < buids.length; at += 32) wanted.add(hexBytes(buids.subarray(at, at + 32)))
    const logged = isLogged ? (this.nexusLog?.loggedOf(iden, wanted) ?? null) : null
    this.replay = { layer, iden, destDir, logged, userIden: this.creatorOf(destDir, iden) }
  }

  /** Adds nodes to the open layer, then to the nexus log if that has the layer, and finally replaces their errors. */
  addNodes({ nodes, batchSize }: { nodes: readonly ReplayedNode[]; batchSize: number }): void {
    const { replay } = this
    assert(replay !== null, () => 'no layer is open')
    const { layer, iden, destDir, logged, userIden } = replay
    layer.add(nodes)
    if (logged !== null) {
      const which = {
        nodes: nodes
          .filter(({ buid, rows }) => rows.length > 0 && !logged.nodes.has(hexBytes(buid)))
          .map(({ buid }) => buid),
        nodedata: nodes
          .filter(({ buid, data }) => data.length > 0 && !logged.nodedata.has(hexBytes(buid)))
          .map(({ buid }) => buid),
      }
      this.nexusLog?.append(nexusEdits(destDir, iden, { batchSize, userIden, now: Date.now }, which))
    }
    const errors = nodes.flatMap((node) => node.errors)
    this.migrationLog.replaceErrors(
      iden,
      ['nodes', 'nodedata'],
      nodes.map(({ buid }) => buid),
      errors,
    )
  }

  async closeLayer(_: object): Promise<void> {
    await this.replay?.layer.close()
    this.replay = null
  }

  /** Reserves the indexes of edit logs that have grown. */
  async reserveEdits({ destDir }: { destDir: string }): Promise<void> {
    await reserveEditIndexes(destDir, this.nexusLog)
    this.nexusLog = null
  }

  /** Removes the splice errors of a layer. */
  forgetSpliceErrors({ layer }: { layer: string }): void {
    this.migrationLog.clear(
      'splices',
      'error',
      ({ val }) => val instanceof PackMap && pyEquals(val.get('layer') ?? null, layer),
    )
  }

  /** Writes the files that other tools continue from: offsets of the splice logs, and versions. */
  reports({ destDir, ops, skipped }: { destDir: string; ops: readonly MigrOp[]; skipped: readonly string[] }): void {
    const context = { destDir, ops: new Set(ops), migrlog: this.migrationLog, log: this.log }
    const isUnfinished = (iden: string) =>
      (this.checkpoints.get(`nodes/${iden}`) as { isBuilt?: boolean } | null)?.isBuilt === false
    const isWhole = (iden: string) => !skipped.includes(iden) && !isUnfinished(iden)
    writeOffsets(context, isWhole)
    writeVersions(context, isWhole)
  }

  /** Removes what earlier runs left of layers that this run skips. */
  emptySkipped({ destDir, layers }: { destDir: string; layers: readonly string[] }): void {
    emptySkipped(destDir, layers, { log: this.migrationLog, checkpoints: this.checkpoints })
  }

  /** Creates the slabs that layers lack: Synapse needs all of them to open a layer. */
  emptySlabs({ destDir, layers }: { destDir: string; layers: readonly string[] }): void {
    makeEmptySlabs(destDir, layers)
  }

  /**
   * Makes the whole destination durable: what we report as done must survive a power loss. Parts see to theirs, and other
   * processes may rename and remove some meanwhile.
   */
  sync({ destDir }: { destDir: string }): void {
    const dir = resolve(destDir)
    syncTree(dir, cortexPaths(dir).migration.parts)
  }

  /** Starts to build a slab. */
  build({ slab, dir }: { slab: string; dir: string }): void {
    this.builds.set(slab, new SlabBuild(dir, null))
  }

  /**
   * Continues to build a slab, with the streams in the checkpoint.
   *
   * @param dropped streams that will be made again: the checkpoint forgets them first, then their pages are reused
   */
  resume(args: { slab: string; dir: string; key: string; dropped: readonly number[] }): void {
    if (args.dropped.length > 0) this.checkpoints.dropStreams(args.key, args.dropped)
    this.builds.set(args.slab, new SlabBuild(args.dir, this.statesOf(args)))
  }

  /** Places what a task sends. Resolves when all of it is in the file, but not yet durable. */
  receive(args: {
    slab: string
    stream: number
    port: MessagePort
    credits: Credits
    previous?: number | null
  }): Promise<StreamResult> {
    return this.slab(args.slab).receive(args.stream, args.port, args.credits, args.previous)
  }

  drop({ slab, streams }: { slab: string; streams: number[] }): void {
    for (const stream of streams) this.slab(slab).drop(stream)
  }

  /**
   * Makes the pages of some streams durable, then stores their errors and their notes in the checkpoint. Other streams
   * go on in the meantime; only the caller waits for the disk.
   *
   * @param streams what the coordinator wants stored for each; the writer adds where its pages are
   */
  async commit(args: {
    slab: string
    key: string
    streams: readonly (StreamNote & object)[]
    /** Run files of these streams. */
    runPaths: readonly string[]
  }): Promise<void> {
    const { slab, streams } = args
    const build = this.slab(slab)
    const records: PackedRecord[] = streams.flatMap(({ stream }) => build.takeRecords(stream))
    const notes = streams.map((note): PlacedStream => ({ ...note, slab, state: build.stateOf(note.stream) }))
    await Promise.all([build.sync(), syncRuns(args.runPaths)])
    // The checkpoint comes last: it vouches for pages and errors alike.
    if (records.length > 0) this.migrationLog.putErrors(records)
    this.checkpoints.putStreams(args.key, notes)
  }

  /**
   * Makes merged runs durable, then records them.
   *
   * @param dropped records of the runs that they were merged from
   */
  async commitRuns(args: {
    key: string
    streams: readonly (StreamNote & object)[]
    runPaths: readonly string[]
    dropped: readonly number[]
  }): Promise<void> {
    await syncRuns(args.runPaths)
    this.checkpoints.putStreams(args.key, args.streams, args.dropped)
  }

  finishDb({
    slab,
    name,
    dupSort,
    streams,
  }: {
    slab: string
    name: string
    dupSort: boolean
    streams: number[]
  }): void {
    this.slab(slab).finishDb(name, dupSort, streams)
  }

  rowsDb(args: { slab: string; name: string; dupSort: boolean; rows: [Uint8Array, Uint8Array][] }): void {
    this.slab(args.slab).rowsDb(args.name, args.dupSort, args.rows)
  }

  abrvDbs({ slab, space, names }: { slab: string; space: string; names: ByteList }): void {
    this.slab(slab).abrvDbs(space, names)
  }

  /** Completes a slab in its build directory. */
  finishSlab({ slab }: { slab: string }): void {
    this.slab(slab).finish()
    this.builds.delete(slab)
  }

  /** Moves finished slabs to their final names, if not done yet. Returns whether all are there. */
  installSlabs({ slabs }: { slabs: { dir: string; finalDir: string }[] }): boolean {
    return installSlabs(slabs)
  }

  /** The checkpoint with this key, or null. */
  checkpoint({ key }: { key: string }): unknown {
    return this.checkpoints.get(key)
  }

  /** Some notes of a checkpoint's streams, from number `from` on; none when there are no more. */
  notes({ key, from }: { key: string; from: number }): StreamNote[] {
    return this.checkpoints.streamsFrom(key, from, NOTES_AT_ONCE)
  }

  /** Removes the checkpoint with this key, because what it vouches for is about to go. */
  dropCheckpoint({ key }: { key: string }): void {
    this.checkpoints.clear(key)
  }

  /** Stores a checkpoint. All that it vouches for must be durable already. */
  putCheckpoint({ key, checkpoint }: { key: string; checkpoint: object }): void {
    this.checkpoints.put(key, checkpoint)
  }

  /** Stores the checkpoint of complete slabs, without the places of their pages, which no longer matter. */
  putBuilt(args: { key: string; checkpoint: object; streams: readonly (StreamNote & object)[] }): void {
    this.checkpoints.replace(args.key, args.checkpoint, args.streams)
  }

  /** Removes everything that earlier runs recorded for a step: errors, statistics, offsets and checkpoints. */
  forget({ migrop, checkpoints }: { migrop: string; checkpoints: string }): void {
    for (const logtyp of ['error', 'stat', 'chkpnt', 'prog', 'vers', 'nextoffs'])
      this.migrationLog.clear(migrop, logtyp)
    this.checkpoints.clear(checkpoints)
  }

  /** Stores records of the migration log; values are msgpack. */
  record({ records }: { records: { migrop: string; logtyp: string; key: string; value: Uint8Array }[] }): void {
    this.migrationLog.put(...records.map(({ value, ...record }) => ({ ...record, val: decode(value) })))
  }

  /** Leaves the code of this thread to later runs. */
  keepCode(_: object): void {
    keepCode()
  }

  get migrationLog(): MigrationLog {
    assert(this.opened !== null, () => 'the migration log is not open')
    return this.opened
  }

  /** Where the checkpoint says that the streams of a slab are. */
  private *statesOf({ key, slab }: { key: string; slab: string }): Generator<StreamState> {
    for (const note of this.checkpoints.streams(key)) {
      if ((note as Partial<PlacedStream>).slab === slab) yield parsedRecord(placedStream, key, note).state
    }
  }

  private creatorOf(destDir: string, layer: string): string {
    const slab = SlabReader.open(cortexPaths(destDir).slab('cell'))
    try {
      const key = ['cortex', 'layers', layer, 'creator'].join('\0')
      const value = slab.db('hive')?.get(Buffer.from(key))
      return value === undefined ? '' : String(decode(value))
    } finally {
      slab.close()
    }
  }

  private get checkpoints(): Checkpoints {
    assert(this.saved !== null, () => 'the checkpoints are not open')
    return this.saved
  }

  private slab(name: string): SlabBuild {
    const build = this.builds.get(name)
    assert(build !== undefined, () => `slab "${name}" is not being built`)
    return build
  }
}

/** A finished layer that we add nodes to. */
interface OpenLayer {
  readonly layer: LayerReplay
  readonly iden: string
  readonly destDir: string
  /** What the nexus log already has; null when the layer is not in it. */
  readonly logged: ReturnType<NexusLog['loggedOf']> | null
  readonly userIden: string
}

import { join } from 'node:path'
import type { MessagePort } from 'node:worker_threads'
import { decode } from '../bytes/msgpack.js'
import { assert } from '../errors.js'
import type { LeafSummary, SlabBuildState } from '../page/page-chunk.js'
import { SlabReader } from '../page/page-reader.js'
import { syncRun } from '../run/run-file.js'
import { Checkpoints } from './checkpoints.js'
import type { Credits, PackedRecord } from './chunk-sender.js'
import { MigrationLog } from './migration-log.js'
import { nexusEdits } from './nexus-edits.js'
import { NexusLog, reserveEditIndexes } from './nexus-log.js'
import { installSlab, SlabBuild, type StreamResult } from './slab-build.js'
import type { MigrOp, StepContext } from './steps/context.js'
import { copyDirn } from './steps/dirn.js'
import { writeOffsets, writeVersions } from './steps/reports.js'
import { runCellSteps } from './steps/run-cell-steps.js'

/** Address space for the nexus log, which may become as large as all layers; it costs no memory. */
const NEXUS_MAP_BYTES = 2 ** 42

/**
 * Everything that writes the destination, in the one thread that does. Its methods are called from the coordinator
 * through `WriterClient`; arguments and results can be cloned.
 */
export class Writer {
  private opened: MigrationLog | null = null
  private saved: Checkpoints | null = null
  private readonly builds = new Map<string, SlabBuild>()
  private axonCopied: Promise<void> = Promise.resolve()

  /** @param log takes the lines that the steps write */
  constructor(private readonly log: StepContext['log']) {}

  /** Step `dirn`; the axon may still be on its way when it returns, see finishDirn(). */
  async copyDirn(args: { srcDir: string; destDir: string; layers: readonly string[] }): Promise<void> {
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

  /** The steps that have to do with the cell as a whole, in their order. */
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
   * Logs the node edits of layers in the nexus log (`--add-mode nexus`), and reserves the indexes of their edit logs for
   * the releases that would write over them.
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

  /** Writes the files that others go on from: offsets of the splice logs, versions. */
  reports({ destDir, ops }: { destDir: string; ops: readonly MigrOp[] }): void {
    const context = { destDir, ops: new Set(ops), migrlog: this.migrationLog, log: this.log }
    writeOffsets(context)
    writeVersions(context)
  }

  /** Starts building a slab, or goes on with one. */
  build({ slab, dir, state }: { slab: string; dir: string; state: SlabBuildState | null }): void {
    this.builds.set(slab, new SlabBuild(dir, state))
  }

  /** Places what a task sends; resolves when it is all in the file (not yet durable). */
  receive(args: {
    slab: string
    stream: number
    port: MessagePort
    credits: Credits
    previous?: number | null
  }): Promise<StreamResult> {
    return this.slab(args.slab).receive(args.stream, args.port, args.credits, args.previous)
  }

  restore({ slab, streams }: { slab: string; streams: { id: number; runPath: string }[] }): void {
    const build = this.slab(slab)
    build.keepOnly(streams.map(({ id }) => id))
    for (const { id, runPath } of streams) build.restoreFromRun(id, runPath)
  }

  /** As restore(), for streams whose summaries lie in the checkpoint; their keys are numbered through. */
  restoreNumbered({ slab, key }: { slab: string; key: string }): void {
    const build = this.slab(slab)
    const { summaries } = this.checkpoint({ key }) as { summaries: { id: number; summary: LeafSummary }[] }
    build.keepOnly(summaries.map(({ id }) => id))
    let keyBase = 0
    for (const { id, summary } of summaries) {
      build.restore(id, summary, keyBase)
      keyBase += summary.entries
    }
  }

  drop({ slab, streams }: { slab: string; streams: number[] }): void {
    for (const stream of streams) this.slab(slab).drop(stream)
  }

  /**
   * Makes the pages of some streams durable, then stores their errors and the checkpoint that vouches for them.
   *
   * @param checkpoint what the coordinator wants to find again; the state of the slab is added to it
   */
  commit(args: {
    slab: string
    streams: number[]
    key: string
    checkpoint: object
    /** Run files that belong to the streams. */
    runPaths?: string[]
    /** Streams whose summaries go into the checkpoint, as no run file keeps them. */
    withSummaries?: number[]
  }): void {
    const build = this.slab(args.slab)
    for (const path of args.runPaths ?? []) syncRun(path)
    const state = build.sync()
    const summaries = args.withSummaries?.map((id) => ({ id, summary: build.summary(id) })) ?? []
    const records: PackedRecord[] = args.streams.flatMap((stream) => build.records(stream))
    // A checkpoint vouches for pages and errors alike: it comes last.
    this.migrationLog.putErrors(records)
    this.checkpoints.put(args.key, { ...args.checkpoint, state, summaries })
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
  }): number {
    return this.slab(slab).finishDb(name, dupSort, streams)
  }

  rowsDb(args: { slab: string; name: string; dupSort: boolean; rows: [Uint8Array, Uint8Array][] }): void {
    this.slab(args.slab).rowsDb(args.name, args.dupSort, args.rows)
  }

  /** Completes a slab where it is built. */
  finishSlab({ slab }: { slab: string }): { bytes: number } {
    const done = this.slab(slab).finish()
    this.builds.delete(slab)
    return done
  }

  /** Gives finished slabs their names, or finds that they have them; says whether all are there. */
  installSlabs({ slabs }: { slabs: { dir: string; finalDir: string }[] }): boolean {
    return slabs.map(({ dir, finalDir }) => installSlab(dir, finalDir)).every((isThere) => isThere)
  }

  /** The checkpoint of that key, or null. */
  checkpoint({ key }: { key: string }): unknown {
    return this.checkpoints.get(key)
  }

  /** Forgets the checkpoint of that key: what it vouches for is about to go. */
  dropCheckpoint({ key }: { key: string }): void {
    this.checkpoints.clear(key)
  }

  /** Stores a checkpoint that vouches for nothing but what is durable already. */
  putCheckpoint({ key, checkpoint }: { key: string; checkpoint: object }): void {
    this.checkpoints.put(key, checkpoint)
  }

  /** Forgets all that earlier runs left of a step: its errors, its statistics and its checkpoints. */
  forget({ migrop, checkpoints }: { migrop: string; checkpoints: string }): void {
    for (const logtyp of ['error', 'stat', 'chkpnt', 'prog']) this.migrationLog.clear(migrop, logtyp)
    this.checkpoints.clear(checkpoints)
  }

  /** Stores records of the migration log; values are msgpack. */
  record({ records }: { records: { migrop: string; logtyp: string; key: string; value: Uint8Array }[] }): void {
    this.migrationLog.put(...records.map(({ value, ...record }) => ({ ...record, val: decode(value) })))
  }

  get migrationLog(): MigrationLog {
    assert(this.opened !== null, () => 'the migration log is not open')
    return this.opened
  }

  private creatorOf(destDir: string, layer: string): string {
    const slab = SlabReader.open(join(destDir, 'slabs', 'cell.lmdb'))
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

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type FanIn, type RunId, RunLevels } from '../run/run-levels.js'
import { GroupCommit } from '../thread/in-turn.js'
import type { Noted } from './layer-job.js'
import type { StreamThreads } from './stream-task.js'

/** Notes of merged runs in the checkpoint are numbered from here on, `LEVEL_NOTES` numbers for each level. */
const RUN_NOTES = 2 ** 28
const LEVEL_NOTES = 2 ** 24

/** The sorted runs of a layer. */
export type Runs = Pick<
  LayerRuns,
  'add' | 'areMerged' | 'drain' | 'keep' | 'last' | 'noted' | 'pathOf' | 'resume' | 'room'
>

/** Runs that parts of the layer have left: what a checkpoint vouches for here is pages alone. */
export class PartRuns implements Runs {
  readonly areMerged = true

  constructor(private readonly paths: readonly string[]) {}

  last(): string[] {
    return [...this.paths]
  }

  keep(streams: readonly Noted[], damaged: ReadonlySet<number>): readonly Noted[] {
    return streams.filter(({ stream }) => !damaged.has(stream))
  }

  noted(): [] {
    return []
  }

  /** A part has written it under a name of its own. */
  pathOf(): string {
    return ''
  }

  add(): void {}
  async drain(): Promise<void> {}
  resume(): void {}
  async room(): Promise<void> {}
}

/**
 * The sorted runs of a layer. Those of a task's partitions are in one file, named after the first. In a large layer,
 * they are merged in levels while its partitions are still being translated, whenever enough consecutive ones are ready.
 * A merged run becomes durable, and gets into the checkpoint, before the runs that it replaces are removed.
 */
export class LayerRuns {
  private readonly levels: RunLevels
  private readonly commits: GroupCommit<RunId>
  /** Runs that an earlier process merged. */
  private readonly kept = new Set<string>()
  private readonly merges = new Set<Promise<void>>()
  private failure: unknown = null

  constructor(
    private readonly dir: string,
    private readonly partitions: number,
    fanIn: FanIn | undefined,
    /** How many partitions a task translates. */
    private readonly perTask: number,
    private readonly key: string,
    private readonly threads: StreamThreads,
    /** The first of these partitions: a part of a layer has others. */
    private readonly firstPartition = 0,
  ) {
    this.levels = new RunLevels(partitions, fanIn)
    this.commits = new GroupCommit((batch) => this.commit(batch))
  }

  /** Whether there are merges before the last one. */
  get areMerged(): boolean {
    return this.levels.top > 0
  }

  /** The file with the run of a partition. */
  pathOf(partition: number): string {
    return this.path(this.leaf(partition))
  }

  private path({ level, index }: RunId): string {
    const name = (number: number) => String(number).padStart(6, '0')
    if (level > 0) return join(this.dir, `${level}-${name(index)}.run`)
    return join(this.dir, `${name(index - (index % this.perTask))}.run`)
  }

  /** The files of these runs, which are all of those that share a file. */
  private files(runs: readonly RunId[]): string[] {
    const firsts = runs.filter(({ level, index }) => level > 0 || index % this.perTask === 0)
    return firsts.map((run) => this.path(run))
  }

  /** The files with the runs of the last merge, in order. */
  last(): string[] {
    const level = this.levels.top
    return this.files(Array.from({ length: this.levels.count(level) }, (_, index) => ({ level, index })))
  }

  /** The runs that streams vouch for, except those merged into others, which may be gone. */
  noted(streams: readonly Noted[]): { stream: number; path: string }[] {
    const merged = mergedOf(streams)
    return streams.flatMap((noted) => {
      const run = this.runOf(noted)
      return run === null || this.isCovered(run, merged) ? [] : [{ stream: noted.stream, path: this.path(run) }]
    })
  }

  /** Which streams of an earlier process stay. If a merged run is damaged, its partitions are translated again. */
  keep(streams: readonly Noted[], damaged: ReadonlySet<number>): readonly Noted[] {
    const lost = mergedOf(streams.filter(({ stream }) => damaged.has(stream)))
    return streams.filter((noted) => {
      const run = this.runOf(noted)
      return !damaged.has(noted.stream) && (run === null || !this.isCovered(run, lost))
    })
  }

  /** Takes over the merged runs of an earlier process. */
  resume(streams: readonly Noted[]): void {
    for (const { run } of streams) if (run !== null) this.kept.add(keyOf(run))
    for (const { run } of streams) if (run !== null && !this.isCovered(run)) this.finished(run)
  }

  /**
   * Adds the runs of a task that the checkpoint vouches for, and starts merges that are due.
   *
   * @param partition the first one of the task
   */
  add(partition: number): void {
    const { level, index: first } = this.leaf(partition)
    // These partitions were translated again, but their runs are already part of a merged one.
    if (this.isCovered({ level, index: first })) {
      this.remove([{ level, index: first }])
      return
    }
    const end = Math.min(first + this.perTask, this.partitions)
    for (let index = first; index < end; index++) this.finished({ level, index })
  }

  /** Waits while the merges are behind, so that runs do not pile up. */
  async room(): Promise<void> {
    while (this.merges.size > this.threads.pool.workers && this.failure === null) await Promise.race(this.merges)
    if (this.failure !== null) throw this.failure
    await this.commits.room()
  }

  /** Waits for all merges in progress, and for those that follow from them. */
  async drain(): Promise<void> {
    while (this.merges.size > 0 && this.failure === null) await Promise.all(this.merges)
    if (this.failure !== null) throw this.failure
  }

  private leaf(partition: number): RunId {
    return { level: 0, index: partition - this.firstPartition }
  }

  /** The run of a stream, or its first one; parts of the last merge have none. */
  private runOf({ run, partition }: Noted): RunId | null {
    return run ?? (partition === null ? null : this.leaf(partition))
  }

  private finished(run: RunId): void {
    const next = this.levels.finish(run)
    if (next === null) return
    const merge: Promise<void> = this.merge(next)
      .catch((err) => {
        this.failure ??= err
      })
      .finally(() => this.merges.delete(merge))
    this.merges.add(merge)
  }

  private async merge(run: RunId): Promise<void> {
    const paths = this.files(this.levels.members(run))
    const { bytes } = await this.threads.pool.run('mergeRunFiles', { paths, outPath: this.path(run) })
    this.commits.add(run, bytes)
    await this.commits.drain()
  }

  private async commit(batch: readonly RunId[]): Promise<void> {
    const gone = batch.flatMap((run) => this.levels.members(run))
    await this.threads.writer.call('commitRuns', {
      key: this.key,
      streams: batch.map((run) => ({ stream: noteOf(run), run })),
      runPaths: batch.map((run) => this.path(run)),
      dropped: gone.filter(({ level }) => level > 0).map(noteOf),
    })
    this.remove(gone)
    for (const run of batch) this.finished(run)
  }

  private remove(runs: readonly RunId[]): void {
    for (const path of this.files(runs)) rmSync(path, { force: true })
  }

  /** Whether a merged run contains it. */
  private isCovered(run: RunId, merged: ReadonlySet<string> = this.kept): boolean {
    for (let level = run.level + 1; level <= this.levels.top; level++) {
      if (merged.has(keyOf(this.levels.above(run, level)))) return true
    }
    return false
  }
}

function mergedOf(streams: readonly Noted[]): Set<string> {
  return new Set(streams.flatMap(({ run }) => (run === null ? [] : [keyOf(run)])))
}

function noteOf({ level, index }: RunId): number {
  return RUN_NOTES + level * LEVEL_NOTES + index
}

function keyOf({ level, index }: RunId): string {
  return `${level}-${index}`
}

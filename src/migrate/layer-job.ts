import { existsSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { MigrationError } from '../errors.js'
import type { SlabPrint } from '../layout/records.js'
import { PAGE_BYTES } from '../page/format.js'
import { slabPrint } from '../page/slab-print.js'
import type { RunId } from '../run/run-levels.js'
import type { Tasks } from '../tasks.js'
import { GroupCommit, inTurn } from '../thread/in-turn.js'
import { damagedStreams, type Kept } from './check-kept.js'
import { checkpointDiffers } from './checkpoint-differs.js'
import {
  type LayerCheckpoints,
  type LayerStep,
  type LayerStreams,
  parsedCheckpoint,
  parsedStream,
} from './layer-checkpoint.js'
import { type OwnInput, runStream, type StreamPlace, type StreamTasks, type StreamThreads } from './stream-task.js'

/** A slab that a step makes: its name at the writer, its build directory, and its final place. */
export interface JobSlab {
  readonly slab: string
  readonly dir: string
  readonly finalDir: string
}

/** A database of a slab under construction, and its streams. */
export interface BuiltDb {
  readonly slab: string
  readonly name: string
  readonly dupSort: boolean
  readonly streams: readonly number[]
}

/** The parts that differ between steps; everything else is the same for all. */
export interface JobKind<Step extends LayerStep> {
  readonly step: Step
  readonly iden: string
  readonly slabs: readonly JobSlab[]
  /** Whether to continue an earlier run. */
  readonly fromLast: boolean
  /** What to remember of a finished stream. */
  noted(stream: LayerStreams[Step]): Noted
  /** The run files that streams vouch for. */
  runsOf(streams: readonly Noted[]): readonly { readonly stream: number; readonly path: string }[]
  /** Which streams of an earlier run can stay when some of them are damaged. */
  keep(streams: readonly Noted[], damaged: ReadonlySet<number>): readonly Noted[]
  /** Why a run with other options has to start over; null when it need not. */
  startsOver(head: LayerCheckpoints[Step]): string | null
  readonly texts: {
    /** Null when nothing is to be said. */
    readonly noCheckpoint: string | null
    readonly gone: string
    again(some: string): string
  }
}

export interface JobEvents {
  warn(text: string): void
  info(text: string): void
  /** Receives the number of errors that are now in the migration log. If it throws, the run stops. */
  errors(count: number): void
}

/** What we remember of a finished stream. Its note in the checkpoint has kilobytes, and a layer has many. */
export interface Noted {
  readonly stream: number
  /** How many of its errors are in the migration log once it is committed. */
  readonly errors: number
  /** The first partition that it made; it vouches for the file with their runs as well. */
  readonly partition: number | null
  /** The merged run that it vouches for. */
  readonly run: RunId | null
}

/** What an earlier run left of a step. */
export interface Saved<Step extends LayerStep> {
  readonly head: LayerCheckpoints[Step]
  /** Reads the notes of all streams, some at a time. */
  notes(): AsyncGenerator<LayerStreams[Step]>
}

export interface Begun {
  /** All streams of the earlier run, and those that need not be made again. */
  readonly noted: readonly Noted[]
  readonly kept: readonly Noted[]
  /** Resolves when the writer is ready for pages. */
  readonly ready: Promise<void>
}

/** A stream whose pages are placed, but that no checkpoint vouches for yet. */
interface Placed<Step extends LayerStep> {
  readonly slab: string
  readonly stream: LayerStreams[Step]
}

/**
 * A step of one layer from start to end, with all rules about its checkpoint: loads, checks and continues what an
 * earlier run left; makes and commits streams; gives complete slabs their names.
 */
export class LayerJob<Step extends LayerStep> {
  readonly key: string

  constructor(
    private readonly kind: JobKind<Step>,
    readonly threads: StreamThreads,
    private readonly events: JobEvents,
  ) {
    this.key = `${kind.step}/${kind.iden}`
  }

  /** What can be continued; null when the step starts from scratch. */
  async load(fingerprint: LayerCheckpoints[Step]['fingerprint']): Promise<Saved<Step> | null> {
    const { step, iden, slabs, fromLast, texts } = this.kind
    if (!fromLast) return null
    const stored = await this.threads.writer.call('checkpoint', { key: this.key })
    if (stored === null) {
      if (texts.noCheckpoint !== null) this.events.warn(texts.noCheckpoint)
      return null
    }
    const head = parsedCheckpoint(step, this.key, stored)
    checkpointDiffers(iden, head.fingerprint, fingerprint)
    const other = this.kind.startsOver(head)
    if (other !== null) {
      this.events.info(other)
      return null
    }
    const isThere = head.isBuilt ? await this.install() : slabs.every(({ dir }) => existsSync(join(dir, 'data.mdb')))
    if (!isThere) {
      this.events.warn(texts.gone)
      return null
    }
    const changed = head.isBuilt ? slabs.filter(({ finalDir }) => !isAsBuilt(finalDir, head.built)) : []
    if (changed.length > 0) {
      const names = changed.map(({ finalDir }) => basename(finalDir)).join(', ')
      this.events.warn(`${names} of layer ${iden} changed on disk since an earlier run made it, making it again`)
      return null
    }
    if (head.isBuilt) for await (const some of this.notes()) this.countErrors(some.map(this.kind.noted))
    return { head, notes: () => this.eachNote() }
  }

  /**
   * Starts the step, or continues the undamaged part of an earlier run.
   *
   * @param clear removes what belongs to an earlier checkpoint, once that is removed
   */
  async begin(saved: Saved<Step> | null, head: LayerCheckpoints[Step], clear = () => {}): Promise<Begun> {
    const begun = saved === null ? { noted: [], kept: [], ready: this.start(head, clear) } : await this.continued()
    begun.ready.catch(() => {})
    return begun
  }

  /** Does something for each item: enough at a time to keep the workers busy, and never far ahead of the disk. */
  async each<Item>(
    items: readonly Item[],
    commits: readonly Pick<GroupCommit<unknown>, 'room'>[],
    work: (item: Item) => Promise<void>,
  ): Promise<void> {
    await inTurn(items, 2 * this.threads.pool.workers, async (item) => {
      for (const commit of commits) await commit.room()
      await work(item)
    })
  }

  /** Runs the task that makes a stream. */
  stream<Name extends keyof StreamTasks>(
    place: StreamPlace,
    task: Name,
    input: OwnInput<Name>,
  ): Promise<{ readonly result: ReturnType<Tasks[Name]>; readonly pageBytes: number }> {
    return runStream(this.threads, place, task, input)
  }

  /** Commits streams in groups. From then on the checkpoint vouches for their pages and their errors. */
  commits(committed: (streams: readonly LayerStreams[Step][]) => void = () => {}): GroupCommit<Placed<Step>> {
    return new GroupCommit(async (batch) => {
      const slabs = [...new Set(batch.map(({ slab }) => slab))]
      await Promise.all(
        slabs.map((slab) => {
          const streams = batch.filter((placed) => placed.slab === slab).map(({ stream }) => stream)
          const runPaths = this.kind.runsOf(streams.map(this.kind.noted)).map(({ path }) => path)
          return this.threads.writer.call('commit', { slab, key: this.key, streams, runPaths })
        }),
      )
      const streams = batch.map(({ stream }) => stream)
      committed(streams)
      this.countErrors(streams.map(this.kind.noted))
    })
  }

  /**
   * Completes the slabs in their build directories.
   *
   * @param small writes the databases that no stream makes
   */
  async finishSlabs(dbs: readonly BuiltDb[], small: () => Promise<void> = async () => {}): Promise<void> {
    const { writer } = this.threads
    for (const db of dbs) await writer.call('finishDb', { ...db, streams: [...db.streams] })
    await small()
    for (const { slab } of this.kind.slabs) await writer.call('finishSlab', { slab })
  }

  /**
   * Records that the slabs are complete, then gives them their names. A run that finds the record only has to do the
   * latter.
   */
  async complete(head: LayerCheckpoints[Step], streams: readonly LayerStreams[Step][]): Promise<void> {
    // A dry run makes none.
    const made = this.kind.slabs.filter(({ dir }) => existsSync(join(dir, 'data.mdb')))
    const built = Object.fromEntries(made.map(({ dir, finalDir }) => [basename(finalDir), slabPrint(dir)]))
    const checkpoint = { ...head, isBuilt: true, built }
    await this.threads.writer.call('putBuilt', { key: this.key, checkpoint, streams })
    await this.install()
  }

  /** Makes slabs without rows, which need no checkpoint. */
  async completeEmpty(dbs: readonly BuiltDb[]): Promise<void> {
    await this.build()
    await this.finishSlabs(dbs)
    await this.install()
  }

  private async start(head: LayerCheckpoints[Step], clear: () => void): Promise<void> {
    const { writer } = this.threads
    await writer.call('dropCheckpoint', { key: this.key })
    clear()
    await this.build()
    await writer.call('putCheckpoint', { key: this.key, checkpoint: { ...head, isBuilt: false } })
  }

  private async continued(): Promise<Begun> {
    const { kind, threads } = this
    const noted: Noted[] = []
    const damaged = new Set<number>()
    const check = async (kept: Kept) => {
      for (const stream of await damagedStreams(kept, threads.pool)) damaged.add(stream)
    }
    for await (const some of this.notes()) {
      noted.push(...some.map(kind.noted))
      await check({ slabs: this.placed(some), runs: [] })
    }
    await check({ slabs: new Map(), runs: kind.runsOf(noted) })
    const kept = kind.keep(noted, damaged)
    const stays = new Set(kept.map(({ stream }) => stream))
    const dropped = noted.flatMap(({ stream }) => (stays.has(stream) ? [] : [stream]))
    if (dropped.length > 0) this.events.warn(kind.texts.again(`${dropped.length} of ${noted.length}`))
    this.countErrors(kept)
    return { noted, kept, ready: this.resume(dropped) }
  }

  private async *eachNote(): AsyncGenerator<LayerStreams[Step]> {
    for await (const some of this.notes()) yield* some
  }

  /** The notes of all streams, some at a time: those of a large layer take hundreds of MB. */
  private async *notes(): AsyncGenerator<LayerStreams[Step][]> {
    for (let from = 0; ; ) {
      const some = await this.threads.writer.call('notes', { key: this.key, from })
      const last = some.at(-1)
      if (last === undefined) return
      yield some.map((note) => parsedStream(this.kind.step, this.key, note))
      from = last.stream + 1
    }
  }

  private async resume(dropped: readonly number[]): Promise<void> {
    for (const { slab, dir } of this.kind.slabs) {
      await this.threads.writer.call('resume', { slab, dir, key: this.key, dropped })
    }
  }

  private async build(): Promise<void> {
    for (const { slab, dir } of this.kind.slabs) await this.threads.writer.call('build', { slab, dir })
  }

  /** Returns whether all slabs now have their names. */
  private install(): Promise<boolean> {
    const slabs = this.kind.slabs.map(({ dir, finalDir }) => ({ dir, finalDir }))
    return this.threads.writer.call('installSlabs', { slabs })
  }

  /** Where the pages of streams are in each slab under construction. */
  private placed(streams: readonly LayerStreams[Step][]) {
    return new Map(
      this.kind.slabs.map(({ slab, dir }) => [
        dir,
        streams.flatMap((note) => (note.slab === slab && note.state !== undefined ? [note.state] : [])),
      ]),
    )
  }

  private countErrors(streams: readonly Noted[]): void {
    this.events.errors(streams.reduce((sum, { errors }) => sum + errors, 0))
  }
}

/**
 * Whether a finished slab is still what a run made. One that Synapse or `errors --replay` has written to since has a
 * later transaction, and is not ours to replace.
 */
function isAsBuilt(dir: string, built: Readonly<Record<string, SlabPrint>> = {}): boolean {
  const print = built[basename(dir)]
  if (print === undefined) return true
  try {
    const found = slabPrint(dir)
    const isWhole = statSync(join(dir, 'data.mdb')).size >= found.pages * PAGE_BYTES
    return isWhole && (found.txnId > print.txnId || found.digest === print.digest)
  } catch (error) {
    if (error instanceof MigrationError) return false
    throw error
  }
}

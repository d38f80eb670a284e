import type { RemoteLayer } from '../api.js'
import { OddAnswer, sortFailure } from '../remote-failure.js'
import type { LayerParts } from './layer-parts.js'

/** How often it looks on its own. */
const CHECK_MS = 30_000
/** How many nodes to ask the destination about at once. */
const CHUNK_NODES = 200
/** A node and its splices get their times at slightly different moments. */
const SLACK_MS = 10_000
/** A node is older than its own splice, unless someone set the clock between the two. */
const STEP_MS = 2_000
/** How many nodes without splices to count. */
const MOST_COUNTED = 1_000

const CANNOT_LOOK = 'Cannot look for nodes whose splices the source has not logged'

/**
 * Looks for nodes of the source that its splice log does not have: splices may be switched off, or a killed 0.1.58 may
 * have kept nodes and lost their splices. Once everything read is pushed, all nodes created since the last check must
 * be at the destination, and no node may be newer than the newest splice.
 */
export class NodeWatch {
  private readonly parts: LayerParts
  /**
   * Nodes created later than this (epoch ms, the source's clock) have not been checked; null: we have no starting
   * point.
   */
  private since: number | null
  private lookedAt = Number.NEGATIVE_INFINITY
  /** When it last looked with the newest splices of all layers known. */
  private lookedWholeAt = Number.NEGATIVE_INFINITY
  /**
   * Nodes that were missing and newer than all splices at the last look. They may have been created after the log was
   * read.
   */
  private suspects = new Set<string>()
  private young = new Set<string>()
  /** A sentence about nodes that the destination will never get. */
  lost: string | null = null
  /** Why it cannot look, one sentence. */
  trouble: string | null = null

  constructor(parts: LayerParts) {
    this.parts = parts
    this.since = parts.store.nodesChecked(parts.iden)
  }

  /** Whether it must look again soon to be sure. */
  get isUnsure(): boolean {
    return (this.suspects.size > 0 || this.young.size > 0) && this.lost === null
  }

  /** Whether it has looked since this moment, or cannot look. */
  isSince(askedAt: number): boolean {
    return this.since === null || this.lookedWholeAt >= askedAt
  }

  /** Everything up to this time came with the migration, or was checked before. */
  begin(time: number): void {
    if (this.since !== null) return
    if (Number.isNaN(time)) this.trouble = `${CANNOT_LOOK}: its last splices have no times`
    else this.note(time)
  }

  /** The reader read a splice of this time. */
  saw(time: number): void {
    const { source } = this.parts
    if (time > source.newestSplice) source.newestSplice = time
  }

  /**
   * Looks if it is time to, or if someone wants to know now. Call it when the log was just read to its end and
   * everything is pushed.
   */
  async look(remote: RemoteLayer, isAsked: boolean): Promise<void> {
    const { clock, source } = this.parts
    const isDue = clock.elapsed() - this.lookedAt >= CHECK_MS
    if (this.since === null || !(isDue || isAsked || this.isUnsure)) return
    const beganAt = clock.elapsed()
    const newest = source.newestSplice
    const isWhole = source.unlooked === 0
    let missing: string[]
    let young: string[]
    try {
      young = isWhole ? await this.youngerThanSplices(remote) : []
      // Without any splice we would look for every node, but then we already know that splices are off.
      missing = newest > 0 ? await this.missing(remote, this.since) : []
      this.trouble = null
    } catch (error) {
      // Neither found nor missing: the next poll looks again.
      if (error instanceof DestAway) return
      if (sortFailure(error) === 'link') throw error
      this.trouble = `${CANNOT_LOOK}: ${(error as Error).message}`
      this.looked(beganAt, isWhole)
      return error instanceof OddAnswer ? this.found(this.trouble) : undefined
    }
    this.looked(beganAt, isWhole)
    const sure = missing.filter((buid) => this.suspects.has(buid))
    const off = young.filter((buid) => this.young.has(buid))
    this.suspects = new Set(missing)
    this.young = new Set(young)
    if (sure.length > 0) return this.found(lostText(sure))
    if (off.length > 0) return this.found(offText(off))
    this.lost = null
    if (missing.length > 0) return
    const since = Math.min(newest, clock.now()) - SLACK_MS
    if (since > this.since) this.note(since)
  }

  private looked(at: number, isWhole: boolean): void {
    this.lookedAt = at
    if (isWhole) this.lookedWholeAt = at
  }

  private note(time: number): void {
    this.since = time
    // The service ends elsewhere when it cannot write its state.
    this.parts.store.setNodesChecked(this.parts.iden, time).catch(() => {})
  }

  private found(text: string): void {
    const { log, iden } = this.parts
    const isNew = this.lost === null
    this.lost = text
    if (isNew) log.warn(`Layer ${iden}: ${text}`)
  }

  /**
   * Nodes newer than the newest splice of all layers, because splices are on or off for all. Nodes from the future may
   * only mean that a clock was once wrong.
   */
  private async youngerThanSplices(remote: RemoteLayer): Promise<string[]> {
    const { source, clock } = this.parts
    const young: string[] = []
    for await (const buid of remote.createdSince(Math.max(0, source.newestSplice + STEP_MS), clock.now())) {
      young.push(buid)
      if (young.length === MOST_COUNTED) break
    }
    return young
  }

  private async missing(remote: RemoteLayer, since: number): Promise<string[]> {
    const { dest, iden } = this.parts
    const missing: string[] = []
    let chunk: string[] = []
    const ask = async () => {
      if (chunk.length > 0) missing.push(...(await askDest(() => dest.missingNodes(iden, chunk))))
      chunk = []
    }
    for await (const buid of remote.createdSince(since)) {
      chunk.push(buid)
      if (chunk.length === CHUNK_NODES) await ask()
    }
    await ask()
    return missing
  }
}

/** The destination went away while it was asked. The source is not to blame. */
class DestAway extends Error {}

async function askDest<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  try {
    return await call()
  } catch (error) {
    throw sortFailure(error) === 'link' ? new DestAway() : error
  }
}

function lostText(nodes: readonly string[]): string {
  return `${counted(nodes)} made at the source without splices, so the destination lacks them and what was done to them (${named(nodes)}): splices are switched off (splice:en), the source was killed and has lost them, or the offsets file is not of this destination: migrate again`
}

function offText(nodes: readonly string[]): string {
  return `${counted(nodes)} made at the source after its last splice (${named(nodes)}): splices are switched off (splice:en), so what is changed there does not reach the destination: switch them on and migrate again. If they are on, any change at the source shows it`
}

function counted({ length }: readonly string[]): string {
  if (length === 1) return '1 node was'
  return `${length}${length === MOST_COUNTED ? ' or more' : ''} nodes were`
}

function named(nodes: readonly string[]): string {
  return `iden ${nodes[0]}${nodes.length > 1 ? ' and others' : ''}`
}

import type { RemoteLayer } from '../api.js'
import { sortFailure } from '../remote-failure.js'
import type { LayerParts } from './layer-parts.js'

/** How often it looks by itself, while nobody asks. */
const CHECK_MS = 30_000
/** Nodes of one question to the destination. */
const CHUNK_NODES = 200
/** A node's time and those of its splices are not taken at the same moment. */
const SLACK_MS = 10_000

/**
 * Looks for nodes that were made at the source and of which its splice log tells nothing, as when splices are switched off, or
 * a killed 0.1.58 has kept nodes and lost their splices: whatever was made since the last look must be at the destination once
 * everything that was read is pushed.
 */
export class NodeWatch {
  private readonly parts: LayerParts
  /** Nodes made after this were not looked at, epoch ms by the source's clock; null: nothing is known to begin with. */
  private since: number | null
  private lookedAt = Number.NEGATIVE_INFINITY
  /** Missing when it last looked: they may have been made since the log was read. */
  private suspects = new Set<string>()
  /** A sentence on nodes that the destination will never get. */
  lost: string | null = null
  /** Why it cannot look, one sentence. */
  trouble: string | null = null

  constructor(parts: LayerParts) {
    this.parts = parts
    this.since = parts.store.nodesChecked(parts.iden)
  }

  /** Whether it has to look again soon to be sure. */
  get isUnsure(): boolean {
    return this.suspects.size > 0 && this.lost === null
  }

  /** Whether it has looked at or after this moment, or cannot. */
  isSince(askedAt: number): boolean {
    return this.since === null || this.lookedAt >= askedAt
  }

  /** Everything up to this time came with the migration, or was looked at before. */
  begin(time: number): void {
    if (this.since !== null || Number.isNaN(time)) return
    this.since = time
    this.note(time)
  }

  /**
   * Looks, when it is time to or somebody wants to know now. Call it when the log was just read to its end and all is pushed.
   *
   * @param lastTime of the last splice, NaN when that is not known
   */
  async look(remote: RemoteLayer, lastTime: number, isAsked: boolean): Promise<void> {
    const { clock } = this.parts
    const isDue = clock.elapsed() - this.lookedAt >= CHECK_MS
    if (this.since === null || !(isDue || isAsked || this.isUnsure)) return
    const beganAt = clock.elapsed()
    let missing: string[]
    try {
      missing = await this.missing(remote, this.since)
      this.trouble = null
    } catch (error) {
      if (sortFailure(error) === 'link') throw error
      this.trouble = `Cannot look for nodes whose splices the source has not logged: ${(error as Error).message}`
      this.lookedAt = beganAt
      return
    }
    this.lookedAt = beganAt
    const sure = missing.filter((buid) => this.suspects.has(buid))
    this.suspects = new Set(missing)
    if (sure.length > 0) return this.found(sure)
    this.lost = null
    if (missing.length > 0 || Number.isNaN(lastTime)) return
    const since = Math.min(lastTime, clock.now()) - SLACK_MS
    if (since <= this.since) return
    this.since = since
    this.note(since)
  }

  private note(time: number): void {
    // A store that cannot be written ends the service elsewhere.
    this.parts.store.setNodesChecked(this.parts.iden, time).catch(() => {})
  }

  private found(sure: readonly string[]): void {
    const { log, iden } = this.parts
    const isNew = this.lost === null
    const nodes = sure.length === 1 ? '1 node was' : `${sure.length} nodes were`
    this.lost = `${nodes} made at the source without splices, so the destination lacks them and what was done to them (iden ${sure[0]}${sure.length > 1 ? ' and others' : ''}): splices are switched off (splice:en), or the source was killed and has lost them: migrate again`
    if (isNew) log.warn(`Layer ${iden}: ${this.lost}`)
  }

  private async missing(remote: RemoteLayer, since: number): Promise<string[]> {
    const { dest, iden } = this.parts
    const missing: string[] = []
    let chunk: string[] = []
    const ask = async () => {
      if (chunk.length > 0) missing.push(...(await dest.missingNodes(iden, chunk)))
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

import type { RemoteLayer } from '../api.js'
import { OddAnswer, sortFailure } from '../remote-failure.js'
import type { LayerParts } from './layer-parts.js'

/** How often it looks by itself, while nobody asks. */
const CHECK_MS = 30_000
/** Nodes of one question to the destination. */
const CHUNK_NODES = 200
/** A node's time and those of its splices are not taken at the same moment. */
const SLACK_MS = 10_000
/** A node is older than its own splice, unless somebody has set the clock between the two. */
const STEP_MS = 2_000
/** So many nodes without splices are counted. */
const MOST_COUNTED = 1_000

const CANNOT_LOOK = 'Cannot look for nodes whose splices the source has not logged'

/**
 * Looks for nodes that were made at the source and of which its splice log tells nothing, as when splices are switched off, or
 * a killed 0.1.58 has kept nodes and lost their splices: whatever was made since the last look must be at the destination once
 * everything that was read is pushed, and no node may be younger than the newest splice.
 */
export class NodeWatch {
  private readonly parts: LayerParts
  /** Nodes made after this were not looked at, epoch ms by the source's clock; null: nothing is known to begin with. */
  private since: number | null
  private lookedAt = Number.NEGATIVE_INFINITY
  /** The same of a look when the newest splices of all layers were known. */
  private lookedWholeAt = Number.NEGATIVE_INFINITY
  /** Missing, and younger than all splices, when it last looked: they may have been made since the log was read. */
  private suspects = new Set<string>()
  private young = new Set<string>()
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
    return (this.suspects.size > 0 || this.young.size > 0) && this.lost === null
  }

  /** Whether it has looked at or after this moment, or cannot. */
  isSince(askedAt: number): boolean {
    return this.since === null || this.lookedWholeAt >= askedAt
  }

  /** Everything up to this time came with the migration, or was looked at before. */
  begin(time: number): void {
    if (this.since !== null) return
    if (Number.isNaN(time)) this.trouble = `${CANNOT_LOOK}: its last splices have no times`
    else this.note(time)
  }

  /** A splice of this time was read. */
  saw(time: number): void {
    const { source } = this.parts
    if (time > source.newestSplice) source.newestSplice = time
  }

  /** Looks, when it is time to or somebody wants to know now. Call it when the log was just read to its end and all is pushed. */
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
      // Where there is no splice at all, everything would be looked for: that they are off is known without.
      missing = newest > 0 ? await this.missing(remote, this.since) : []
      this.trouble = null
    } catch (error) {
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
    // A store that cannot be written ends the service elsewhere.
    this.parts.store.setNodesChecked(this.parts.iden, time).catch(() => {})
  }

  private found(text: string): void {
    const { log, iden } = this.parts
    const isNew = this.lost === null
    this.lost = text
    if (isNew) log.warn(`Layer ${iden}: ${text}`)
  }

  /**
   * Nodes that are younger than the newest splice of all layers, as splices are on or off for all: nodes of the future may be the
   * work of a clock that was wrong once.
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

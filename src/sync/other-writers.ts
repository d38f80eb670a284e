import { PackMap, type Value } from '../bytes/msgpack.js'
import type { Blocker } from './api.js'
import type { DestPeer } from './peers.js'
import { OddAnswer, sortFailure } from './remote-failure.js'

/** A destination takes this long to notice a cut connection. Until then, an open one may be our own earlier one. */
const STALE_MS = 20_000

/**
 * Checks whether anyone else, such as a second sync service, holds a layer of the destination open over telepath: two
 * services push the same changes at different times, and an older value may win.
 */
export class OtherWriters {
  private seenAt: number | null = null
  private count = 0
  /** When the newest question was asked that has an answer. */
  private askedAt = Number.NEGATIVE_INFINITY
  private isOdd = false
  /** Why we cannot tell, one sentence. */
  trouble: string | null = null

  /**
   * @param now by `clock.elapsed()`
   * @returns false when the destination is away, or our own connections change during the question
   */
  async look(dest: DestPeer, now: number): Promise<boolean> {
    let count = 0
    let failure: unknown = null
    try {
      const cortex = await dest.open()
      const { openLayers: own, layerChanges } = dest
      const open = openLayers(await cortex.call('getDmonSessions'))
      // The other end may or may not count connections that are just being opened or closed.
      if (dest.layerChanges !== layerChanges || dest.isOpening) return false
      count = Math.max(0, open - own)
    } catch (error) {
      if (sortFailure(error) === 'link') return false
      failure = error
    }
    // An answer to a later question is newer.
    if (now < this.askedAt) return true
    this.askedAt = now
    this.count = count
    this.isOdd = failure instanceof OddAnswer
    this.trouble =
      failure === null
        ? null
        : `Cannot tell whether anybody else writes to the destination: ${(failure as Error).message}`
    this.seenAt = this.count === 0 ? null : (this.seenAt ?? now)
    return true
  }

  blockers(now: number): Blocker[] {
    if (this.isOdd && this.trouble !== null) return [{ text: this.trouble, passes: false }]
    if (this.seenAt === null) return []
    const text = `${this.count === 1 ? '1 other connection has' : `${this.count} other connections have`} a layer of the destination open: perhaps a second sync service writes to it: end it`
    return [{ text, passes: now - this.seenAt < STALE_MS }]
  }
}

/** @throws {OddAnswer} when the answer is not a list of sessions */
function openLayers(sessions: Value): number {
  const items = Array.isArray(sessions)
    ? sessions.map((session) => (session instanceof PackMap ? session.get('items') : undefined))
    : [undefined]
  return items.filter((each) => {
    if (!(each instanceof PackMap)) throw new OddAnswer('getDmonSessions', 'a list of sessions')
    return each.entries.some(([, name]) => String(name).endsWith('.LayerApi'))
  }).length
}

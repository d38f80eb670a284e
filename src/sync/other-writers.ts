import { PackMap } from '../bytes/msgpack.js'
import type { Blocker } from './api.js'
import type { DestPeer } from './peers.js'
import { sortFailure } from './remote-failure.js'

/** A destination notices a cut connection so late; until then it may be one of our own former ones. */
const STALE_MS = 20_000

/**
 * Sees whether anybody else holds a layer of the destination open over telepath, as a second sync service does: two of them
 * push the same changes at times of their own, and an older value may win.
 */
export class OtherWriters {
  private seenAt: number | null = null
  private count = 0
  /** Why that cannot be told, one sentence. */
  trouble: string | null = null

  /**
   * @param now by `clock.elapsed()`
   * @returns false when the destination is away
   */
  async look(dest: DestPeer, now: number): Promise<boolean> {
    try {
      const sessions = await (await dest.open()).call('getDmonSessions')
      const open = (Array.isArray(sessions) ? sessions : []).filter((session) => {
        const items = session instanceof PackMap ? session.get('items') : undefined
        return items instanceof PackMap && items.entries.some(([, name]) => String(name).endsWith('.LayerApi'))
      })
      this.count = Math.max(0, open.length - dest.openLayers)
      this.trouble = null
    } catch (error) {
      if (sortFailure(error) === 'link') return false
      this.count = 0
      this.trouble = `Cannot tell whether anybody else writes to the destination: ${(error as Error).message}`
    }
    this.seenAt = this.count === 0 ? null : (this.seenAt ?? now)
    return true
  }

  blockers(now: number): Blocker[] {
    if (this.seenAt === null) return []
    const text = `${this.count === 1 ? '1 other connection has' : `${this.count} other connections have`} a layer of the destination open: perhaps a second sync service writes to it: end it`
    return [{ text, passes: now - this.seenAt < STALE_MS }]
  }
}

import { setTimeout as sleep } from 'node:timers/promises'
import type { Value } from '../../bytes/msgpack.js'
import { TelepathError } from '../../telepath/errors.js'
import type { SyncLog } from '../api.js'
import type { Auth, User } from './auth.js'

/** A monotonic clock with a sleep; tests replace it. */
export interface GuessClock {
  nowMs(): number
  wait(ms: number): Promise<unknown>
}

interface Failures {
  count: number
  lastMs: number
  /** The next attempt has to wait until then. */
  nextMs: number
}

/** After this many wrong passwords in a row we begin to delay answers: people mistype. */
const FREE_FAILURES = 5
/** Less than the time that a new connection has to show a password. */
const MOST_WAIT_MS = 8000
/** How long we remember failures. */
const MEMORY_MS = 600_000
/** How many entries we keep; only an attack from many addresses makes more. */
const MOST_KEPT = 10_000

/**
 * Logins by name and password from the network. Slows down guessing: after some wrong passwords in a row for one user
 * from one address, the next attempts wait 1, 2, 4, then 8 s, over however many connections they come. The right
 * password gets in, and resets the delay.
 */
export class Logins {
  private readonly auth: Auth
  private readonly log: SyncLog
  private readonly clock: GuessClock
  /** Least recently failed first. */
  private readonly failures = new Map<string, Failures>()

  constructor(auth: Auth, log: SyncLog, clock: GuessClock = { nowMs: () => performance.now(), wait: sleep }) {
    this.auth = auth
    this.log = log
    this.clock = clock
  }

  /**
   * @param address the peer's address, see `addressOf()`
   * @throws {TelepathError} NoSuchUser; AuthDeny when the password is wrong, the user is locked, or too many guesses
   *   are waiting
   */
  async login(address: string, name: string, passwd: Value): Promise<User> {
    // An unknown user name is the guesser's choice, and may be a password typed in the wrong place.
    const isKnown = this.auth.byName(name) !== undefined
    const who = isKnown ? `user "${name}"` : 'a user that does not exist'
    const key = `${address} ${isKnown ? name : ''}`
    await this.turn(key, who, address)
    try {
      const user = this.auth.login(name, passwd)
      this.failures.delete(key)
      return user
    } catch (error) {
      if (error instanceof TelepathError) this.note(key, who, address)
      throw error
    }
  }

  private async turn(key: string, who: string, address: string): Promise<void> {
    const failures = this.failures.get(key)
    if (failures === undefined) return
    const nowMs = this.clock.nowMs()
    if (nowMs - failures.lastMs > MEMORY_MS) {
      this.failures.delete(key)
      return
    }
    const waitMs = failures.nextMs - nowMs
    if (waitMs > MOST_WAIT_MS) {
      this.log.debug(`Refused a login of ${who} from ${address}: others are waiting`)
      const seconds = Math.ceil(waitMs / 1000)
      throw TelepathError.of('AuthDeny', { mesg: `Too many wrong passwords: try again in ${seconds} s`, wait: seconds })
    }
    failures.nextMs = Math.max(nowMs, failures.nextMs) + pauseMs(failures.count)
    if (waitMs > 0) await this.clock.wait(waitMs)
  }

  private note(key: string, who: string, address: string): void {
    const nowMs = this.clock.nowMs()
    const known = this.failures.get(key)
    const count = (known?.count ?? 0) + 1
    // Removed first, so that it goes to the end.
    this.failures.delete(key)
    this.failures.set(key, { count, lastMs: nowMs, nextMs: Math.max(known?.nextMs ?? 0, nowMs + pauseMs(count)) })
    for (const oldest of this.failures.keys()) {
      if (this.failures.size <= MOST_KEPT) break
      this.failures.delete(oldest)
    }
    const more = count < FREE_FAILURES ? '' : `, ${count} in a row: the next has to wait for ${pauseMs(count) / 1000} s`
    this.log.warn(`Wrong password for ${who} from ${address}${more}`)
  }
}

function pauseMs(failures: number): number {
  return failures < FREE_FAILURES ? 0 : Math.min(MOST_WAIT_MS, 1000 * 2 ** (failures - FREE_FAILURES))
}

import { decode, MsgpackError, PackMap, type Value } from '../bytes/msgpack.js'
import { dial } from './dial.js'
import { LinkDown, TelepathError } from './errors.js'
import type { Link } from './link.js'
import { encodeMessage, initMessage, messageType, type Packed, retnOf, yieldedItem } from './message.js'
import { showUrl, type TelepathUrl } from './url.js'

export type Arg = Value | Packed

export interface SessionOptions {
  /** Longest wait for a connection, and for the reply to its handshake. */
  readonly connectMs: number
  /**
   * Longest silence of a peer when it is its turn; 0: forever. Keep-alive only notices a dead machine while we have no
   * unsent data, so this is what ends a call to one.
   */
  readonly silenceMs: number
  /** Longest message accepted. One that announces more ends the connection before it arrives. */
  readonly maxFrameBytes: number
}

/** A method call. `iden` names a dynamic share; null means the object that was opened. */
export interface Todo {
  readonly iden: string | null
  readonly method: string
  readonly args: readonly Arg[]
  readonly kwargs: Record<string, Value>
}

/** How many idle links to keep, as in Synapse's own client. */
const MOST_IDLE_LINKS = 4

/**
 * The connections of a client session: a main link that keeps it alive, and task links. A task link is a bare
 * connection that carries one call at a time; we reuse the one that has been idle longest.
 */
export class Session {
  /** Undefined after `close()`, else why the session ended. Never rejects. */
  readonly closed: Promise<LinkDown | undefined>
  private readonly idle: Link[] = []
  private readonly busy = new Set<Link>()
  private closing = false

  constructor(
    readonly url: TelepathUrl,
    private readonly options: SessionOptions,
    private readonly main: Link,
    private readonly sess: string,
  ) {
    this.closed = this.watchMain()
  }

  get links(): { readonly idle: number; readonly busy: number } {
    return { idle: this.idle.length, busy: this.busy.size }
  }

  async close(): Promise<void> {
    this.closing = true
    this.main.close()
    await this.closed
  }

  /** Makes a call. `read` turns the single message of the reply into the result. */
  async request<T>(todo: Todo, read: (link: Link, type: string, frame: Uint8Array) => T): Promise<T> {
    const { link, type, frame } = await this.ask(todo)
    let complete = type === 't2:fini' || type === 't2:share'
    try {
      return read(link, type, frame)
    } catch (error) {
      if (error instanceof LinkDown) complete = false
      throw error
    } finally {
      this.giveBack(link, complete)
    }
  }

  /** The raw items of a generator. */
  async *items(todo: Todo): AsyncGenerator<Uint8Array> {
    const { link, type, frame } = await this.ask(todo)
    let complete = type === 't2:fini'
    try {
      if (type === 't2:fini') {
        retnValue(link, frame)
        throw TelepathError.of('TypeError', { mesg: `${todo.method}() returns a value and yields none` })
      }
      if (type !== 't2:genr') throw wrongReply(link, todo.method, type)
      for (;;) {
        const next = link.take() ?? (await nextOf(link))
        const item = checked(link, () => yieldedItem(next))
        if (item) {
          yield item
          continue
        }
        if (checked(link, () => messageType(next)) !== 't2:yield') throw wrongReply(link, todo.method, 'no t2:yield')
        const retn = checked(link, () => retnOf(next))
        complete = retn === null || !retn.ok
        if (retn === null) return
        if (!retn.ok) throw remoteError(link, retn.error)
        yield retn.raw
      }
    } finally {
      this.giveBack(link, complete)
    }
  }

  async endShare(iden: string): Promise<void> {
    if (this.main.isOpen) await this.main.send(encodeMessage('share:fini', { share: iden }))
  }

  /** Sends a call and waits for the first message of the reply. */
  private async ask(todo: Todo): Promise<{ link: Link; type: string; frame: Uint8Array }> {
    const request = initMessage(todo.method, todo.args, todo.kwargs, todo.iden, this.sess)
    for (;;) {
      const { link, pooled } = await this.takeLink()
      const before = link.receivedBytes
      try {
        link.expectWithin(this.options.silenceMs)
        await link.send(...request)
        const frame = await nextOf(link)
        return { link, frame, type: checked(link, () => messageType(frame)) }
      } catch (error) {
        this.giveBack(link, false)
        // A server may close an idle link just as we take it. If it ended without sending a byte, we try another one.
        const ended = error instanceof LinkDown && link.receivedBytes === before && !link.wentSilent
        if (!pooled || !ended || !this.main.isOpen) throw error
      }
    }
  }

  private async takeLink(): Promise<{ link: Link; pooled: boolean }> {
    await this.mustBeOpen()
    let pooled = this.idle.shift()
    while (pooled && !pooled.isQuiet) {
      pooled.close() // Bytes received while idle are not the reply to the next call.
      pooled = this.idle.shift()
    }
    const link = pooled ?? (await dial(this.url, this.options))
    this.busy.add(link)
    if (!this.main.isOpen) this.giveBack(link, false)
    await this.mustBeOpen()
    return { link, pooled: pooled !== undefined }
  }

  private async mustBeOpen(): Promise<void> {
    if (this.main.isOpen) return
    throw (await this.closed) ?? new LinkDown(`Cannot call ${showUrl(this.url)}: it was closed`)
  }

  private giveBack(link: Link, complete: boolean): void {
    this.busy.delete(link)
    if (!complete || !link.isQuiet || !this.main.isOpen || this.idle.length >= MOST_IDLE_LINKS) {
      link.close()
      return
    }
    link.expectWithin(0)
    this.idle.push(link)
    link.closed.then(() => {
      const at = this.idle.indexOf(link)
      if (at >= 0) this.idle.splice(at, 1)
    })
  }

  /** Nothing comes over the main link after the handshake. When it ends, the session ends. */
  private async watchMain(): Promise<LinkDown | undefined> {
    const drain = async () => {
      while (await this.main.next());
    }
    drain().catch(() => {}) // `closed` reports this error.
    const failure = await this.main.closed
    const lost = failure ?? new LinkDown(`Lost the connection to ${showUrl(this.url)}: it was closed`)
    for (const link of [...this.idle, ...this.busy]) link.fail(lost.message, lost.cause)
    return this.closing ? undefined : lost
  }
}

/** The value of a reply's `retn`. Throws the exception if it holds one. */
export function retnValue(link: Link, frame: Uint8Array): Value {
  const retn = checked(link, () => retnOf(frame))
  if (retn === null) return null
  if (!retn.ok) throw remoteError(link, retn.error)
  return checked(link, () => decode(retn.raw))
}

/** Runs a decoder on what a peer sent. A peer that sends malformed messages counts as gone. */
export function checked<T>(link: Link, decoder: () => T): T {
  try {
    return decoder()
  } catch (error) {
    if (!(error instanceof MsgpackError)) throw error
    throw new LinkDown(`Dropped the connection to ${link.peer}: it sent a malformed message: ${error.message}`, error)
  }
}

export function wrongReply(link: Link, method: string, type: string): LinkDown {
  return new LinkDown(`Dropped the connection to ${link.peer}: it answered ${method} with ${type}`)
}

async function nextOf(link: Link): Promise<Uint8Array> {
  const frame = await link.next()
  if (frame) return frame
  throw new LinkDown(`Lost the connection to ${link.peer}: it was closed before the end of a reply`)
}

function remoteError(link: Link, error: Value): Error {
  if (Array.isArray(error) && typeof error[0] === 'string') {
    return new TelepathError(error[0], error[1] instanceof PackMap ? error[1] : undefined)
  }
  return new LinkDown(`Dropped the connection to ${link.peer}: it failed without a reason`)
}

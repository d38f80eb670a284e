import { decode, MsgpackError, PackMap, type Value } from '../bytes/msgpack.js'
import { dial } from './dial.js'
import { LinkDown, TelepathError } from './errors.js'
import type { Link } from './link.js'
import { encodeMessage, initMessage, messageType, type Packed, retnOf, yieldedItem } from './message.js'
import { showUrl, type TelepathUrl } from './url.js'

export type Arg = Value | Packed

export interface SessionOptions {
  /** Longest wait for a connection, and for the answer to its handshake. */
  readonly connectMs: number
  /**
   * Longest silence of a peer whose turn it is; 0: forever. Keep-alive finds out that a machine is gone only while nothing
   * was sent to it, so this is what ends a call that was.
   */
  readonly silenceMs: number
  /** Longest message accepted: one that announces more ends the connection before it has come. */
  readonly maxFrameBytes: number
}

/** One call of a method; `iden` names a dynamic share, null the object that was opened. */
export interface Todo {
  readonly iden: string | null
  readonly method: string
  readonly args: readonly Arg[]
  readonly kwargs: Record<string, Value>
}

/** As many idle links as Synapse's own client keeps. */
const MOST_IDLE_LINKS = 4

/**
 * The connections of one client session: a main link that keeps it alive, and task links, which are bare connections that
 * carry one call at a time and are used again, the one that has been idle longest first.
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

  /** One call; `read` makes the result from the one message of the reply. */
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

  /** Sends a call and waits for the first message of its reply. */
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
        // A server may close an idle link just when it is taken: one that ended without a byte is not the last word.
        const ended = error instanceof LinkDown && link.receivedBytes === before && !link.wentSilent
        if (!pooled || !ended || !this.main.isOpen) throw error
      }
    }
  }

  private async takeLink(): Promise<{ link: Link; pooled: boolean }> {
    await this.mustBeOpen()
    let pooled = this.idle.shift()
    while (pooled && !pooled.isQuiet) {
      pooled.close() // what an idle link has received is no reply to the next call
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

  /** Nothing comes over the main link after the handshake; its end is the end of all. */
  private async watchMain(): Promise<LinkDown | undefined> {
    const drain = async () => {
      while (await this.main.next());
    }
    drain().catch(() => {}) // `closed` tells
    const failure = await this.main.closed
    const lost = failure ?? new LinkDown(`Lost the connection to ${showUrl(this.url)}: it was closed`)
    for (const link of [...this.idle, ...this.busy]) link.fail(lost.message, lost.cause)
    return this.closing ? undefined : lost
  }
}

/** The value of a reply's `retn`, or what it tells of as an exception. */
export function retnValue(link: Link, frame: Uint8Array): Value {
  const retn = checked(link, () => retnOf(frame))
  if (retn === null) return null
  if (!retn.ok) throw remoteError(link, retn.error)
  return checked(link, () => decode(retn.raw))
}

/** Runs a decoder over what a peer sent; one that sends malformed messages is as good as gone. */
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

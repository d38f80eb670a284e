import { decode, PackMap, type Value } from '../bytes/msgpack.js'
import { resolveUrl } from './aliases.js'
import { dial } from './dial.js'
import { LinkDown, TelepathError } from './errors.js'
import type { Link } from './link.js'
import { decodeMessage, encodeMessage, TELE_VERS } from './message.js'
import { type Arg, checked, retnValue, Session, type SessionOptions, wrongReply } from './session.js'
import { endpointOf, showUrl, type TelepathUrl } from './url.js'

/** All optional: see SessionOptions. */
export type ProxyOptions = Partial<SessionOptions>

const DEFAULTS: SessionOptions = { connectMs: 10_000, silenceMs: 120_000, maxFrameBytes: 1 << 28 }

/**
 * Opens what a url names (the share `*` if it names none) as the url's user.
 *
 * @throws {LinkDown} when nobody answers; @throws {TelepathError} when the server refuses; @throws {BadUrl}
 */
export async function openProxy(url: string | TelepathUrl, options: ProxyOptions = {}): Promise<TeleProxy> {
  const parsed = typeof url === 'string' ? resolveUrl(url) : url
  const settings = { ...DEFAULTS, ...options }
  const main = await dial(parsed, settings)
  try {
    const { sess, sharinfo } = await handshake(main, parsed, settings)
    return new TeleProxy(new Session(parsed, settings, main, sess), sharinfo)
  } catch (error) {
    main.close()
    throw error
  }
}

/**
 * An object at the other end. If a call fails there, you get a TelepathError. If the connection is lost before the
 * reply is complete, you get a LinkDown, and nobody knows whether the call was carried out.
 */
export class Remote {
  constructor(
    protected readonly session: Session,
    protected readonly iden: string | null,
    /** What the server says about the object: `meths`, `syn:version`, `classes`. */
    readonly sharinfo: PackMap,
  ) {}

  /** Python classes of the object, most specific first. */
  get classes(): string[] {
    const found = this.sharinfo.get('classes')
    return Array.isArray(found) ? found.filter((each) => typeof each === 'string') : []
  }

  /** Calls a method that returns one value. */
  call(method: string, args: readonly Arg[] = [], kwargs: Record<string, Value> = {}): Promise<Value> {
    return this.session.request({ iden: this.iden, method, args, kwargs }, (link, type, frame) => {
      if (type === 't2:fini') return retnValue(link, frame)
      if (type === 't2:genr')
        throw TelepathError.of('TypeError', { mesg: `${method}() yields values and returns none` })
      throw wrongReply(link, method, type)
    })
  }

  /** Calls a method that returns another object. Close that with `close()`. */
  share(method: string, args: readonly Arg[] = []): Promise<Share> {
    return this.session.request({ iden: this.iden, method, args, kwargs: {} }, (link, type, frame) => {
      if (type === 't2:fini') retnValue(link, frame)
      const { info } = checked(link, () => decodeMessage(frame))
      const [iden, sharinfo] = [info.get('iden'), info.get('sharinfo')]
      if (type !== 't2:share' || typeof iden !== 'string') throw wrongReply(link, method, type)
      return new Share(this.session, iden, sharinfo instanceof PackMap ? sharinfo : new PackMap([]))
    })
  }

  /**
   * Calls a method that yields. Items are raw msgpack, checked to be well-formed. Leaving the loop early closes its
   * connection, which is how telepath cancels. Here too, a lost connection is a LinkDown, never an early end.
   */
  generate(method: string, args: readonly Arg[] = [], kwargs: Record<string, Value> = {}): AsyncGenerator<Uint8Array> {
    return this.session.items({ iden: this.iden, method, args, kwargs })
  }

  /** Like generate(), with decoded items. */
  async *values(method: string, args: readonly Arg[] = [], kwargs: Record<string, Value> = {}): AsyncGenerator<Value> {
    for await (const item of this.generate(method, args, kwargs)) yield decode(item)
  }
}

/** An object that a call returned in place of a value. */
export class Share extends Remote {
  /** Tells the server that we no longer need the object. There is no answer. */
  async close(): Promise<void> {
    if (this.iden !== null) await this.session.endShare(this.iden)
  }
}

/** The object that a url names. */
export class TeleProxy extends Remote {
  /** Undefined after `close()`, else why the session ended. Never rejects. */
  readonly closed: Promise<LinkDown | undefined>

  constructor(session: Session, sharinfo: PackMap) {
    super(session, null, sharinfo)
    this.closed = session.closed
  }

  /** The url without its password. */
  get shownUrl(): string {
    return showUrl(this.session.url)
  }

  /** The server's Synapse version; [0, 0, 0] when it does not say. */
  get version(): [number, number, number] {
    const found = this.sharinfo.get('syn:version')
    const numbers = Array.isArray(found) ? found.filter((each) => typeof each === 'number') : []
    return [numbers[0] ?? 0, numbers[1] ?? 0, numbers[2] ?? 0]
  }

  /** How many connections are idle, and how many carry a call. */
  get links(): { readonly idle: number; readonly busy: number } {
    return this.session.links
  }

  close(): Promise<void> {
    return this.session.close()
  }
}

async function handshake(
  link: Link,
  url: TelepathUrl,
  settings: SessionOptions,
): Promise<{ sess: string; sharinfo: PackMap }> {
  link.expectWithin(settings.connectMs)
  const auth = url.user === null ? null : [url.user, new PackMap([['passwd', url.passwd]])]
  await link.send(encodeMessage('tele:syn', { auth, vers: [...TELE_VERS], name: endpointOf(url).name }))
  const frame = await link.next()
  if (frame === undefined) throw new LinkDown(`Cannot connect to ${link.peer}: it closed the connection`)
  const { type, info } = checked(link, () => decodeMessage(frame))
  if (type !== 'tele:syn') throw wrongReply(link, 'tele:syn', type)
  const vers = info.get('vers')
  // Check this before the result, which may mean anything in another version.
  if (!Array.isArray(vers) || vers[0] !== TELE_VERS[0]) {
    throw TelepathError.of('BadMesgVers', { myver: [...TELE_VERS], hisver: vers ?? null })
  }
  retnValue(link, frame)
  const [sess, sharinfo] = [info.get('sess'), info.get('sharinfo')]
  if (typeof sess !== 'string' || !(sharinfo instanceof PackMap)) {
    throw new LinkDown(`Cannot use ${link.peer}: its handshake names no session`)
  }
  link.expectWithin(0)
  return { sess, sharinfo }
}

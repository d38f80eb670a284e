import { randomBytes } from 'node:crypto'
import { chmodSync, lstatSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { encode, MsgpackError, PackMap, type Value } from '../bytes/msgpack.js'
import { MigrationError } from '../errors.js'
import { serverTls } from './certdir.js'
import { BadUrl, LinkDown, TelepathError } from './errors.js'
import { GuestList } from './guest-list.js'
import { Link } from './link.js'
import { decodeMessage, type Message, TELE_VERS } from './message.js'
import { bindArgs, type Shared, sharinfoOf } from './shared.js'
import { isAnswered, shortSocketPath } from './socket-path.js'
import { endpointOf, showUrl, type TelepathUrl } from './url.js'

/** Limits that keep strangers from filling the memory. */
export interface ServerLimits {
  /** Longest message of a link that has shown a password or a session. */
  readonly maxFrameBytes: number
  /** Longest message before that. */
  readonly maxFirstFrameBytes: number
  /** We drop a link that shows neither in this time. */
  readonly introductionMs: number
  /** A message must be complete this long after its start. */
  readonly frameMs: number
  /** How many messages a link may send before it shows a password or a session. */
  readonly strangerMessages: number
  /** Links per address. When there are more, we drop the oldest that has shown neither, or else the new one. */
  readonly linksPerPeer: number
  readonly links: number
}

const LIMITS: ServerLimits = {
  maxFrameBytes: 1 << 24,
  maxFirstFrameBytes: 1 << 16,
  introductionMs: 10_000,
  frameMs: 30_000,
  strangerMessages: 16,
  linksPerPeer: 1024,
  links: 8192,
}

const SWEEP_MS = 1000

/** What a server offers, and to whom. It sends failures to the client, as TelepathErrors. */
export interface ServerParts<U> {
  hasShare(name: string): boolean
  /** `auth` is what the client sent. On a unix socket, the file's permissions already let the client in. */
  authenticate(auth: { name: string; passwd: Value } | null, from: { unix: boolean; socket: Socket }): Promise<U>
  /** The object with this share name and path. */
  open(share: string, path: readonly string[], user: U): Shared<U>
  /** Receives failures that are not a client's fault, and what was dropped. */
  log(level: 'debug' | 'warn' | 'error', message: string, cause?: unknown): void
  readonly limits?: Partial<ServerLimits>
  /** Where to look for certificates before the usual places. */
  readonly certDirs?: readonly string[]
}

interface ServerSession<U> {
  readonly user: U
  readonly peer: string
  readonly shared: Shared<U>
}

interface Guest {
  readonly link: Link
  readonly socket: Socket
  readonly unix: boolean
  /** Number of messages before it showed a password or a session. */
  strange: number
}

/** A telepath server: shares objects over tcp, ssl and unix sockets, protocol 3.0 with t2 tasks. */
export class TelepathServer<U> {
  private readonly limits: ServerLimits
  private readonly listeners = new Set<Server>()
  private readonly guests: GuestList
  private readonly links = new Set<Link>()
  private readonly sessionsById = new Map<string, ServerSession<U>>()
  private readonly sweeper: NodeJS.Timeout

  constructor(private readonly parts: ServerParts<U>) {
    this.limits = { ...LIMITS, ...parts.limits }
    const { linksPerPeer: perAddress, links: all, introductionMs } = this.limits
    this.guests = new GuestList({ perAddress, all, introductionMs }, (message) => parts.log('warn', message))
    this.sweeper = setInterval(() => this.sweep(), SWEEP_MS).unref()
  }

  /** How many links and sessions there are. */
  get counts(): { readonly links: number; readonly sessions: number } {
    return { links: this.guests.size, sessions: this.sessionsById.size }
  }

  /** Who is connected. */
  sessions(): { readonly peer: string; readonly user: U }[] {
    return [...this.sessionsById.values()].map(({ peer, user }) => ({ peer, user }))
  }

  /**
   * Listens at a url's address. Resolves to the port, or null for a unix socket.
   *
   * @throws {BadUrl}; system errors such as EADDRINUSE unchanged
   */
  async listen(url: TelepathUrl): Promise<number | null> {
    const end = endpointOf(url)
    if (end.kind === 'unix') {
      await this.listenAtSocket(end.file)
      return null
    }
    const greet = (socket: Socket) => this.greet(socket, false)
    const listener = end.kind === 'ssl' ? this.tlsListener(url, greet) : createServer(greet)
    await this.open(listener, showUrl(url), () => listener.listen(end.port, end.host))
    return (listener.address() as AddressInfo).port
  }

  /**
   * Listens at a unix socket, even one with a long path. Only its owner can open it, whatever the umask; so it needs no
   * password.
   *
   * @throws {MigrationError} ERR_CONFIG when the path is too long for this system; system errors unchanged
   */
  async listenAtSocket(file: string): Promise<void> {
    const { path, release } = shortSocketPath(file)
    const listener = createServer((socket) => this.greet(socket, true))
    listener.once('close', release)
    try {
      // A killed process leaves its socket, which nobody answers.
      if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() && !(await isAnswered(path))) rmSync(path)
      await this.open(listener, file, () => listener.listen(path))
    } catch (error) {
      release()
      throw error
    }
    chmodSync(path, 0o600)
  }

  private async open(listener: Server, shown: string, listen: () => void): Promise<void> {
    this.guests.guard(listener)
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject).once('listening', resolve)
      listen()
    })
    listener.on('error', (error) => this.parts.log('error', `Listening at ${shown} failed`, error))
    this.listeners.add(listener)
  }

  async close(): Promise<void> {
    clearInterval(this.sweeper)
    this.guests.close()
    const closing = [...this.listeners].map((each) => new Promise((resolve) => each.close(resolve)))
    for (const link of this.links) link.close()
    await Promise.all(closing)
  }

  private tlsListener(url: TelepathUrl, greet: (socket: Socket) => void): Server {
    const options = { ...serverTls(url, this.parts.certDirs ?? []), handshakeTimeout: this.limits.introductionMs }
    return createTlsServer(options, greet).on('tlsClientError', (error, socket) => {
      this.parts.log('debug', `A TLS handshake at ${showUrl(url)} failed: ${error.message}`)
      socket.destroy()
    })
  }

  private greet(socket: Socket, unix: boolean): void {
    const peer = unix ? 'unix' : `${socket.remoteAddress ?? 'unknown'}:${socket.remotePort}`
    const link = new Link(socket, { peer, maxFrameBytes: this.limits.maxFirstFrameBytes })
    this.links.add(link)
    link.closed.then(() => this.links.delete(link))
    this.serve({ link, socket, unix, strange: 0 }).catch((error) => {
      if (!(error instanceof LinkDown)) this.parts.log('error', `Serving ${peer} failed`, error)
      link.close()
    })
  }

  private sweep(): void {
    const oldestMs = performance.now() - this.limits.frameMs
    for (const link of this.links) {
      if (link.pendingSinceMs !== null && link.pendingSinceMs < oldestMs) link.close()
    }
  }

  /** Handles one message after another. Clients send one call at a time per link; one that does not has to wait. */
  private async serve(guest: Guest): Promise<void> {
    for (;;) {
      const frame = await guest.link.next()
      if (frame === undefined) return
      // We answer each message, so a link that never logs in could keep the server busy.
      if (guest.strange++ >= this.limits.strangerMessages) return guest.link.close()
      const { type, info } = this.read(guest, frame)
      if (type === 'tele:syn') await this.synchronize(guest, info)
      else if (type === 't2:init') await this.run(guest, info)
      else this.parts.log('debug', `Ignored a message of ${guest.link.peer}: its type is not known`)
    }
  }

  private read(guest: Guest, frame: Uint8Array): Message {
    try {
      return decodeMessage(frame)
    } catch (error) {
      if (!(error instanceof MsgpackError)) throw error
      throw new LinkDown(`Dropped ${guest.link.peer}: ${error.message}`, error)
    }
  }

  private async synchronize(guest: Guest, info: PackMap): Promise<void> {
    const { link } = guest
    const reply: [string, Value][] = [['vers', [...TELE_VERS]]]
    try {
      const session = await this.authenticate(guest, info)
      const sess = randomBytes(16).toString('hex')
      this.sessionsById.set(sess, session)
      link.closed.then(() => this.sessionsById.delete(sess))
      this.introduce(guest)
      reply.push(['retn', [true, null]], ['sharinfo', sharinfoOf(session.shared)], ['sess', sess])
    } catch (error) {
      // Keep the link: the client should close it. If it does not, the sweep does.
      reply.push(['retn', [false, this.failure(error, link.peer)]])
    }
    await link.send(encode(['tele:syn', new PackMap(reply)]))
  }

  private async authenticate(guest: Guest, info: PackMap): Promise<ServerSession<U>> {
    const vers = info.get('vers')
    if (!Array.isArray(vers) || vers[0] !== TELE_VERS[0]) {
      throw TelepathError.of('BadMesgVers', { vers: vers ?? null, myvers: [...TELE_VERS] })
    }
    const name = info.get('name')
    const [share, ...path] = typeof name === 'string' && name !== '' ? splitPath(name) : ['*']
    if (!this.parts.hasShare(share)) throw TelepathError.of('NoSuchName', { name: share })
    const user = await this.parts.authenticate(authOf(info.get('auth')), guest)
    return { user, peer: guest.link.peer, shared: this.parts.open(share, path, user) }
  }

  private async run(guest: Guest, info: PackMap): Promise<void> {
    const { link } = guest
    const sess = info.get('sess')
    const name = info.get('name') ?? null
    const session = typeof sess === 'string' ? this.sessionsById.get(sess) : undefined
    if (!session || name !== null) {
      await this.reply(link, 't2:fini', [false, this.failure(TelepathError.of('NoSuchObj', { name }), link.peer)])
      return
    }
    this.introduce(guest)
    let started: Value | undefined | AsyncIterable<Value> | Iterable<Value>
    let yields = false
    try {
      const [method, args, kwargs] = todoOf(info.get('todo'))
      const found = method.startsWith('_') ? undefined : session.shared.methods.get(method)
      if (!found) throw TelepathError.of('NoSuchMeth', { name: method, mesg: `No method named: ${method}` })
      const bound = bindArgs(method, found.params ?? [], args, kwargs)
      const caller = { user: session.user, peer: link.peer }
      yields = 'yields' in found
      started = 'yields' in found ? found.yields(caller, ...bound) : await found.run(caller, ...bound)
    } catch (error) {
      await this.reply(link, 't2:fini', [false, this.failure(error, link.peer)])
      return
    }
    if (yields) await this.yield(link, started as AsyncIterable<Value>)
    else await this.reply(link, 't2:fini', [true, (started as Value | undefined) ?? null])
  }

  private async yield(link: Link, items: AsyncIterable<Value>): Promise<void> {
    await link.send(encode(['t2:genr', new PackMap([])]))
    try {
      for await (const item of items) await this.reply(link, 't2:yield', [true, item])
    } catch (error) {
      if (error instanceof LinkDown && !link.isOpen) throw error
      await this.reply(link, 't2:yield', [false, this.failure(error, link.peer)])
      return
    }
    await this.reply(link, 't2:yield', null)
  }

  private reply(link: Link, type: string, retn: Value): Promise<void> {
    return link.send(encode([type, new PackMap([['retn', retn]])]))
  }

  private introduce(guest: Guest): void {
    guest.strange = Number.NEGATIVE_INFINITY
    this.guests.introduce(guest.socket)
    guest.link.limitFrames(this.limits.maxFrameBytes)
  }

  /** A failure as we send it to the client, `[name, info]`. Bugs of ours are logged, and sent in general terms. */
  private failure(error: unknown, peer: string): Value {
    if (error instanceof TelepathError) return [error.name, error.info]
    const name = error instanceof LinkDown ? 'LinkErr' : error instanceof BadUrl ? 'BadUrl' : 'SynErr'
    const told = error instanceof MigrationError || error instanceof LinkDown || error instanceof BadUrl
    if (!told) this.parts.log('error', `A call of ${peer} failed`, error)
    const mesg = told ? withHint(error) : 'internal error, see the log of the service'
    return [name, new PackMap([['mesg', mesg]])]
  }
}

function withHint(error: Error): string {
  const hint = error instanceof MigrationError ? error.hint : undefined
  return hint === undefined ? error.message : `${error.message} (${hint})`
}

function splitPath(name: string): string[] {
  const slash = name.indexOf('/')
  if (slash < 0) return [name]
  const path = name.slice(slash + 1)
  return [name.slice(0, slash), ...(path === '' ? [] : path.split('/'))]
}

function authOf(auth: Value | undefined): { name: string; passwd: Value } | null {
  if (!Array.isArray(auth) || typeof auth[0] !== 'string') return null
  return { name: auth[0], passwd: auth[1] instanceof PackMap ? (auth[1].get('passwd') ?? null) : null }
}

function todoOf(todo: Value | undefined): [method: string, args: Value[], kwargs: PackMap] {
  if (Array.isArray(todo) && typeof todo[0] === 'string' && Array.isArray(todo[1]) && todo[2] instanceof PackMap) {
    return [todo[0], todo[1], todo[2]]
  }
  throw TelepathError.of('BadArg', { mesg: 'todo is not a [method, args, kwargs]' })
}

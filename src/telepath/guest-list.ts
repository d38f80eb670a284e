import { isIPv6, type Server, type Socket } from 'node:net'

/**
 * Limits for strangers (connections that have shown neither a password nor a session), so that they cannot keep others
 * out.
 */
export interface GuestLimits {
  /** Connections per address. When there are more, we drop the oldest stranger, or else the new one. */
  readonly perAddress: number
  readonly all: number
  /** How long a stranger may stay. */
  readonly introductionMs: number
}

interface Guest {
  readonly socket: Socket
  readonly address: string
  readonly peer: string | null
  /** By a monotonic clock. */
  readonly sinceMs: number
}

const SWEEP_MS = 1000
/** We log at most one line about dropped connections in this time. */
const LOG_MS = 10_000

/**
 * All connections of a server, from before their TLS handshake on. Every operation takes constant time, however many
 * there are.
 */
export class GuestList {
  private readonly limits: GuestLimits
  private readonly log: (message: string) => void
  private readonly guests = new Map<Socket, Guest>()
  /** A TLS socket is a different object from its connection. */
  private readonly byPeer = new Map<string, Guest>()
  private readonly counts = new Map<string, number>()
  /** Oldest first, in total and per address. */
  private readonly strangers = new Set<Guest>()
  private readonly strangersOf = new Map<string, Set<Guest>>()
  private readonly sweeper: NodeJS.Timeout
  private droppedSinceLog = 0
  private loggedMs = Number.NEGATIVE_INFINITY

  /** @param log receives, now and then, what was dropped for lack of room */
  constructor(limits: GuestLimits, log: (message: string) => void) {
    this.limits = limits
    this.log = log
    this.sweeper = setInterval(() => this.sweep(), Math.min(SWEEP_MS, limits.introductionMs)).unref()
  }

  get size(): number {
    return this.guests.size
  }

  /** Puts itself in front of a server: a connection without room reaches neither the server nor TLS. */
  guard(server: Server): void {
    const listeners = server.listeners('connection')
    server.removeAllListeners('connection')
    server.on('connection', (socket: Socket) => {
      if (this.admit(socket)) for (const listener of listeners) listener.call(server, socket)
    })
  }

  /**
   * Marks a connection as no stranger: it has shown a password or a session. @param socket the connection, or its TLS
   * socket
   */
  introduce(socket: Socket): void {
    const guest = this.guests.get(socket) ?? this.byPeer.get(peerOf(socket) ?? '')
    if (guest !== undefined) this.forgetStranger(guest)
  }

  /** Stops dropping strangers. Connections stay. */
  close(): void {
    clearInterval(this.sweeper)
  }

  private admit(socket: Socket): boolean {
    const address = addressOf(socket)
    if (!this.makeRoom(address)) {
      socket.destroy()
      return false
    }
    const guest = { socket, address, peer: peerOf(socket), sinceMs: performance.now() }
    this.guests.set(socket, guest)
    if (guest.peer !== null) this.byPeer.set(guest.peer, guest)
    this.counts.set(address, (this.counts.get(address) ?? 0) + 1)
    this.strangers.add(guest)
    const same = this.strangersOf.get(address) ?? new Set()
    this.strangersOf.set(address, same.add(guest))
    socket.once('close', () => this.remove(guest))
    return true
  }

  private makeRoom(address: string): boolean {
    const isFullOfSame = (this.counts.get(address) ?? 0) >= this.limits.perAddress
    if (!isFullOfSame && this.guests.size < this.limits.all) return true
    const [oldest] = (isFullOfSame ? this.strangersOf.get(address) : this.strangers) ?? []
    this.logDropped(address, oldest?.address)
    if (oldest === undefined) return false
    this.drop(oldest)
    return true
  }

  private logDropped(address: string, dropped: string | undefined): void {
    this.droppedSinceLog++
    const nowMs = performance.now()
    if (nowMs - this.loggedMs < LOG_MS) return
    const what =
      dropped === undefined ? 'refused the new one' : `dropped the oldest of ${dropped} that had not logged in`
    this.log(
      `Too many connections, the last from ${address}: ${what} (${this.droppedSinceLog} since the last such line)`,
    )
    this.loggedMs = nowMs
    this.droppedSinceLog = 0
  }

  private sweep(): void {
    const oldestMs = performance.now() - this.limits.introductionMs
    for (const guest of this.strangers) {
      if (guest.sinceMs >= oldestMs) return
      this.drop(guest)
    }
  }

  private drop(guest: Guest): void {
    this.remove(guest)
    guest.socket.destroy()
  }

  private remove(guest: Guest): void {
    if (!this.guests.delete(guest.socket)) return
    if (guest.peer !== null && this.byPeer.get(guest.peer) === guest) this.byPeer.delete(guest.peer)
    this.forgetStranger(guest)
    const left = (this.counts.get(guest.address) ?? 0) - 1
    if (left > 0) this.counts.set(guest.address, left)
    else this.counts.delete(guest.address)
  }

  private forgetStranger(guest: Guest): void {
    this.strangers.delete(guest)
    const same = this.strangersOf.get(guest.address)
    same?.delete(guest)
    if (same?.size === 0) this.strangersOf.delete(guest.address)
  }
}

/**
 * What counts as one peer: an IPv4 address, the first half of an IPv6 address (a machine usually has all of its second
 * half), or `unix`.
 */
export function addressOf(socket: { readonly remoteAddress?: string | undefined }): string {
  const address = socket.remoteAddress
  if (address === undefined) return 'unix'
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  return isIPv6(address) ? firstHalf(address) : address
}

function firstHalf(address: string): string {
  const [head, tail] = address.replace(/%.*$/, '').split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : Array<string>(8 - before.length - after.length).fill('0')
  return `${[...before, ...zeros, ...after].slice(0, 4).join(':')}::/64`
}

function peerOf({ remoteAddress, remotePort, localPort }: Socket): string | null {
  return remoteAddress === undefined ? null : `${remoteAddress} ${remotePort} ${localPort}`
}

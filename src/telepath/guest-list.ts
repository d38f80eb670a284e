import { isIPv6, type Server, type Socket } from 'node:net'

/** What keeps strangers, who have shown neither a password nor a session, from keeping others out. */
export interface GuestLimits {
  /** Connections of one address; beyond, its oldest stranger is dropped, or else the new one. */
  readonly perAddress: number
  readonly all: number
  /** A stranger is dropped after this time. */
  readonly introductionMs: number
}

interface Guest {
  readonly socket: Socket
  readonly address: string
  readonly peer: string | null
  /** By a clock that only runs forward. */
  readonly sinceMs: number
}

const SWEEP_MS = 1000
/** At most one line of the log in this time says who was dropped. */
const LOG_MS = 10_000

/**
 * All connections of a server, from before their TLS handshake on. All that it does for a connection takes the same short
 * time however many there are.
 */
export class GuestList {
  private readonly limits: GuestLimits
  private readonly log: (message: string) => void
  private readonly guests = new Map<Socket, Guest>()
  /** A TLS socket is another object than the connection below it. */
  private readonly byPeer = new Map<string, Guest>()
  private readonly counts = new Map<string, number>()
  /** Oldest first, of all and of each address. */
  private readonly strangers = new Set<Guest>()
  private readonly strangersOf = new Map<string, Set<Guest>>()
  private readonly sweeper: NodeJS.Timeout
  private droppedSinceLog = 0
  private loggedMs = Number.NEGATIVE_INFINITY

  /** @param log told of what was dropped for want of room, now and then */
  constructor(limits: GuestLimits, log: (message: string) => void) {
    this.limits = limits
    this.log = log
    this.sweeper = setInterval(() => this.sweep(), Math.min(SWEEP_MS, limits.introductionMs)).unref()
  }

  get size(): number {
    return this.guests.size
  }

  /** Stands in front of a server: a connection for which there is no room never comes to it, nor to TLS. */
  guard(server: Server): void {
    const listeners = server.listeners('connection')
    server.removeAllListeners('connection')
    server.on('connection', (socket: Socket) => {
      if (this.admit(socket)) for (const listener of listeners) listener.call(server, socket)
    })
  }

  /** The one at the other end has shown a password or a session. @param socket the connection, or its TLS socket */
  introduce(socket: Socket): void {
    const guest = this.guests.get(socket) ?? this.byPeer.get(peerOf(socket) ?? '')
    if (guest !== undefined) this.forgetStranger(guest)
  }

  /** Stops looking for strangers; connections stay. */
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

/** Whom limits count as one: an IPv4 address, the first half of an IPv6 address (which one machine has whole), `unix`. */
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

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** To the port that is passed on to, or back from it. */
export type Direction = 'there' | 'back'

/** What of a message a slow proxy passes on at once. */
const SLOW_BYTES = 512

/** Passes connections on to a port of this machine, until it is told to cut them or to be slow. */
export class TcpProxy {
  private readonly server: Server
  private readonly sockets = new Set<Socket>()
  /** Cuts all connections when so many more bytes have passed in a direction, in the middle of whatever it is. */
  private readonly cutAfter = { there: Number.POSITIVE_INFINITY, back: Number.POSITIVE_INFINITY }
  private slowMs = 0

  private constructor(target: number) {
    this.server = createServer((near) => {
      const far = connect(target, '127.0.0.1')
      this.join(near, far, 'there')
      this.join(far, near, 'back')
    })
  }

  static async listen(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target)
    await new Promise<void>((resolve) => proxy.server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get url(): string {
    return `tcp://root:secret@127.0.0.1:${(this.server.address() as AddressInfo).port}/`
  }

  /** Cuts all connections, at once or after some bytes more in one direction. */
  cut(afterBytes = 0, direction: Direction = 'there'): void {
    if (afterBytes > 0) this.cutAfter[direction] = afterBytes
    else for (const socket of this.sockets) socket.destroy()
  }

  /** Takes so long for every few bytes; 0: none. */
  slow(ms: number): void {
    this.slowMs = ms
  }

  async close(): Promise<void> {
    this.slowMs = 0
    this.cut()
    await new Promise((resolve) => this.server.close(resolve))
  }

  private join(from: Socket, to: Socket, direction: Direction): void {
    this.sockets.add(from)
    const pieces: Buffer[] = []
    const pass = async () => {
      for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
        if (this.slowMs > 0) await new Promise((resolve) => setTimeout(resolve, this.slowMs))
        this.pass(piece, to, direction)
      }
      from.resume()
    }
    from.on('data', (chunk: Buffer) => {
      from.pause()
      const size = this.slowMs > 0 ? SLOW_BYTES : chunk.length
      for (let at = 0; at < chunk.length; at += size) pieces.push(chunk.subarray(at, at + size))
      pass()
    })
    from.on('error', () => {})
    from.on('close', () => {
      this.sockets.delete(from)
      to.destroy()
    })
  }

  private pass(chunk: Buffer, to: Socket, direction: Direction): void {
    if (to.destroyed) return
    const left = this.cutAfter[direction] - chunk.length
    this.cutAfter[direction] = left > 0 ? left : Number.POSITIVE_INFINITY
    if (left > 0) to.write(chunk)
    // What came before the cut still arrives, if only in part.
    else to.write(chunk.subarray(0, chunk.length + left), () => this.cut())
  }
}

/** A port that nobody listens at now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

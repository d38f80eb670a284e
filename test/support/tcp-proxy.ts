import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** Passes connections on to a port of this machine, until it is told to cut them. */
export class TcpProxy {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Cuts a connection when so many more bytes have passed, in the middle of whatever it is. */
  #cutAfter = Number.POSITIVE_INFINITY

  private constructor(target: number) {
    this.#server = createServer((near) => {
      const far = connect(target, '127.0.0.1')
      for (const [from, to] of [
        [near, far],
        [far, near],
      ]) {
        this.#sockets.add(from)
        from.on('data', (chunk: Buffer) => this.#pass(chunk, to))
        from.on('error', () => {})
        from.on('close', () => {
          this.#sockets.delete(from)
          to.destroy()
        })
      }
    })
  }

  static async listen(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target)
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get url(): string {
    return `tcp://root:secret@127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  /** Cuts all connections, at once or after some bytes more. */
  cut(afterBytes = 0): void {
    if (afterBytes > 0) this.#cutAfter = afterBytes
    else for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #pass(chunk: Buffer, to: Socket): void {
    this.#cutAfter -= chunk.length
    if (this.#cutAfter > 0) {
      to.write(chunk)
      return
    }
    // What came before the cut still arrives, if only in part.
    to.write(chunk.subarray(0, chunk.length + this.#cutAfter), () => this.cut())
    this.#cutAfter = Number.POSITIVE_INFINITY
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

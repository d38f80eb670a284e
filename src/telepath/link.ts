import type { Socket } from 'node:net'
import { MsgpackError } from '../bytes/msgpack.js'
import { LinkDown } from './errors.js'
import { FrameSplitter } from './frames.js'

export interface LinkOptions {
  /** Who is at the other end, for messages. */
  readonly peer: string
  readonly maxFrameBytes: number
}

/** We pause the socket while more than this waits to be taken, so that a fast peer cannot fill the memory. */
const HIGH_WATER_BYTES = 1 << 20

/** Idle time before the system's keep-alive probes. Node only sets this; libuv probes 10 times, one second apart. */
const KEEP_ALIVE_MS = 3000

/** A connection that carries msgpack objects both ways. Both `next()` and `closed` always notice its end. */
export class Link {
  /** Undefined after `close()` or when the peer ended it, else why it failed. Never rejects. */
  readonly closed: Promise<LinkDown | undefined>
  readonly peer: string
  private received = 0
  private readonly splitter: FrameSplitter
  private frames: Uint8Array[] = []
  private taken = 0
  private waitingBytes = 0
  private wake: (() => void) | null = null
  private drained: (() => void)[] = []
  private state: 'open' | 'closed' = 'open'
  private failure: LinkDown | undefined
  private silenceMs = 0
  private isSilent = false
  private partialSinceMs: number | null = null
  private resolveClosed: (failure: LinkDown | undefined) => void = () => {}

  constructor(
    private readonly socket: Socket,
    options: LinkOptions,
  ) {
    this.peer = options.peer
    this.splitter = new FrameSplitter(options.maxFrameBytes)
    this.closed = new Promise((resolve) => {
      this.resolveClosed = resolve
    })
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.on('data', (chunk) => this.receive(chunk))
    socket.on('drain', () => this.release())
    socket.on('timeout', () => this.silent())
    socket.on('error', (error) =>
      this.end(new LinkDown(`Lost the connection to ${this.peer}: ${error.message}`, error)),
    )
    socket.on('end', () => this.end(undefined))
    socket.on('close', () => this.end(undefined))
  }

  get isOpen(): boolean {
    return this.state === 'open'
  }

  /** Bytes received so far; tells whether the peer answered a request at all. */
  get receivedBytes(): number {
    return this.received
  }

  /** Whether we gave up because nothing came, see `expectWithin()`. */
  get wentSilent(): boolean {
    return this.isSilent
  }

  /** Whether it is open and everything received has been taken. */
  get isQuiet(): boolean {
    return this.isOpen && this.waitingBytes === 0 && this.splitter.pendingBytes === 0
  }

  /**
   * Since when (by `performance.now()`) we have been waiting for the rest of a message; null when we are not, or when
   * the delay is ours.
   */
  get pendingSinceMs(): number | null {
    return this.waitingBytes > 0 ? null : this.partialSinceMs
  }

  /** Changes the longest message allowed, from the next bytes on. */
  limitFrames(maxFrameBytes: number): void {
    this.splitter.maxBytes = maxFrameBytes
  }

  /** Fails the link when nothing comes for this long although it is the peer's turn; 0: waits forever. */
  expectWithin(silenceMs: number): void {
    this.silenceMs = silenceMs
    this.socket.setTimeout(silenceMs)
  }

  /**
   * Sends bytes. Resolves when the system has taken them, or holds back no more than a buffer of them.
   *
   * @throws {LinkDown}
   */
  async send(...parts: Uint8Array[]): Promise<void> {
    if (!this.isOpen) throw this.down()
    this.socket.cork()
    let roomy = true
    for (const part of parts) roomy = this.socket.write(part)
    this.socket.uncork()
    if (roomy) return
    await new Promise<void>((resolve) => this.drained.push(resolve))
    if (!this.isOpen) throw this.down()
  }

  /**
   * The bytes of the next object, even if the connection was lost after it arrived. Undefined after `close()`, or when
   * the peer ended the connection.
   *
   * @throws {LinkDown} when the connection was lost or the peer sent bytes that are not msgpack
   */
  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const frame = this.take()
      if (frame) return frame
      if (this.failure) throw this.failure
      if (!this.isOpen) return undefined
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    }
  }

  /** The next object, if it has already arrived. */
  take(): Uint8Array | undefined {
    if (this.taken === this.frames.length) return undefined
    const frame = this.frames[this.taken++]
    this.waitingBytes -= frame.length
    if (this.taken === this.frames.length) {
      this.frames = []
      this.taken = 0
    }
    if (this.waitingBytes < HIGH_WATER_BYTES / 2 && this.socket.isPaused() && this.isOpen) {
      this.socket.resume()
      if (this.silenceMs > 0) this.socket.setTimeout(this.silenceMs)
    }
    return frame
  }

  close(): void {
    this.frames = []
    this.taken = 0
    this.end(undefined)
  }

  /** Ends the link; `next()` and `closed` then report this reason. */
  fail(message: string, cause?: unknown): void {
    this.end(new LinkDown(message, cause))
  }

  private receive(chunk: Uint8Array): void {
    if (!this.isOpen) return
    this.received += chunk.length
    try {
      const frames = this.splitter.push(chunk)
      for (const frame of frames) {
        this.frames.push(frame)
        this.waitingBytes += frame.length
      }
      if (this.splitter.pendingBytes === 0) this.partialSinceMs = null
      else if (frames.length > 0 || this.partialSinceMs === null) this.partialSinceMs = performance.now()
    } catch (error) {
      if (!(error instanceof MsgpackError)) throw error
      this.fail(
        `Dropped the connection to ${this.peer}: a message that it sent cannot be read: ${error.message}`,
        error,
      )
      return
    }
    if (this.waitingBytes > HIGH_WATER_BYTES) this.socket.pause()
    this.notify()
  }

  private silent(): void {
    // If we have not taken what arrived, the delay is ours.
    if (this.waitingBytes > 0) return
    this.isSilent = true
    this.fail(`Dropped the connection to ${this.peer}: nothing came for ${this.silenceMs / 1000} s`)
  }

  private end(failure: LinkDown | undefined): void {
    if (this.state !== 'open') return
    this.state = 'closed'
    this.failure = failure
    this.socket.destroy()
    this.notify()
    this.release()
    this.resolveClosed(failure)
  }

  private down(): LinkDown {
    return this.failure ?? new LinkDown(`Lost the connection to ${this.peer}: it was closed`)
  }

  private notify(): void {
    const wake = this.wake
    this.wake = null
    wake?.()
  }

  private release(): void {
    const waiting = this.drained
    this.drained = []
    for (const resolve of waiting) resolve()
  }
}

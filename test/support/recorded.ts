import { readFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { decode, type PackMap, type Value } from '../../src/bytes/msgpack.js'
import { FrameSplitter } from '../../src/telepath/frames.js'

/** A conversation between real Synapse programs, see test/fixtures/telepath/README.md. */
export interface Recording {
  readonly name: string
  readonly desc: string
  readonly events: readonly RecordedEvent[]
}

interface RecordedEvent {
  readonly conn: number
  readonly event: 'open' | 'mesg' | 'eof'
  readonly dir?: 'c2s' | 's2c'
  /** Null where the bytes were left out. */
  readonly hex?: string | null
}

/** What one side of a connection said: a request and the messages that answered it. */
export interface Exchange {
  readonly request: Uint8Array
  readonly replies: readonly Uint8Array[]
}

export function loadRecording(file: string): Recording {
  return JSON.parse(readFileSync(`test/fixtures/telepath/${file}`, 'utf8'))
}

/** The messages of a recording, grouped by connection, each request with its replies. */
export function exchangesOf(recording: Recording): Map<number, Exchange[]> {
  const found = new Map<number, { request: Uint8Array; replies: Uint8Array[] }[]>()
  for (const { conn, event, dir, hex } of recording.events) {
    if (event !== 'mesg' || !hex) continue
    const list = found.get(conn) ?? []
    found.set(conn, list)
    const bytes = Uint8Array.from(Buffer.from(hex, 'hex'))
    if (dir === 'c2s') list.push({ request: bytes, replies: [] })
    else list.at(-1)?.replies.push(bytes)
  }
  return found
}

/** A message's type and info. */
export function partsOf(message: Uint8Array): { type: string; info: PackMap } {
  const value = decode(message) as Value[]
  return { type: value[0] as string, info: value[1] as PackMap }
}

/**
 * Plays the server of a recording: a connection is the first recorded one that begins with the same bytes; each request
 * must be the recorded one, byte for byte, and is answered in chunks as `chunks` cuts them.
 */
export async function playServer(exchanges: Map<number, Exchange[]>, chunks: (bytes: Uint8Array) => Uint8Array[]) {
  const untaken = [...exchanges.values()]
  const faults: string[] = []
  const sockets = new Set<Socket>()
  let answered = 0
  const server = createServer((socket) => {
    sockets.add(socket)
    const splitter = new FrameSplitter(1 << 26)
    let script: Exchange[] | undefined
    let step = 0
    socket.on('error', () => {})
    socket.on('data', async (data) => {
      for (const frame of splitter.push(data)) {
        if (!script) {
          const at = untaken.findIndex((each) => same(each[0].request, frame))
          script = at < 0 ? [] : untaken.splice(at, 1)[0]
        }
        const exchange = script[step++]
        if (!exchange || !same(exchange.request, frame)) {
          const wanted = exchange ? JSON.stringify(decode(exchange.request)) : 'nothing'
          faults.push(`got ${JSON.stringify(decode(frame))}, recorded is ${wanted}`)
          socket.destroy()
          return
        }
        answered++
        for (const piece of chunks(Buffer.concat(exchange.replies))) {
          if (socket.destroyed) return
          socket.write(piece)
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const total = [...exchanges.values()].reduce((sum, each) => sum + each.length, 0)
  return {
    port,
    faults,
    unasked: () => total - answered,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

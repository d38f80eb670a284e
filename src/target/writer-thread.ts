import { parentPort } from 'node:worker_threads'
import { toWire } from '../wire-error.js'
import { Writer } from './writer.js'

/** What the coordinator may ask the writer for. */
export type WriterMethod = Exclude<keyof Writer, 'migrationLog'>

export interface WriterCall {
  readonly id: number
  readonly method: WriterMethod
  readonly args: unknown
}

if (parentPort !== null) {
  const port = parentPort
  const writer = new Writer((level, text) => port.postMessage({ log: { level, text } }))
  port.on('message', async ({ id, method, args }: WriterCall) => {
    try {
      const call = writer[method] as (args: unknown) => unknown
      port.postMessage({ id, wire: { ok: await call.call(writer, args) } })
    } catch (err) {
      port.postMessage({ id, wire: { error: toWire(err) } })
    }
  })
}

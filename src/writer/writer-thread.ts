import { parentPort, workerData } from 'node:worker_threads'
import { passGate } from '../slab/write-gate.js'
import { toWire } from '../thread/wire-error.js'
import { Writer } from './writer.js'

/** What the coordinator may call. */
export type WriterMethod = Exclude<keyof Writer, 'migrationLog'>

export interface WriterCall {
  readonly id: number
  readonly method: WriterMethod
  readonly args: unknown
}

/** The thread's start data. */
export interface WriterData {
  readonly gate: Int32Array
}

if (parentPort !== null) {
  const port = parentPort
  passGate((workerData as WriterData).gate)
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

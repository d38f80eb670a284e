// A thread that does nothing but write through LMDB, from which test/slab/write-gate.test.ts ends it, or its process.
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { Slab } from '../../src/slab/slab.js'
import { closeGate, newGate, passGate } from '../../src/slab/write-gate.js'

const port = parentPort
if (port === null) {
  const [path, how] = process.argv.slice(2)
  const gate = newGate()
  const writer = new Worker(new URL(import.meta.url), { workerData: { path, gate } })
  await new Promise((resolve) => writer.once('message', resolve))
  if (!closeGate(gate, 60_000)) throw new Error('the gate did not close')
  if (how === 'exit') process.exit(7)
  await writer.terminate()
  process.exitCode = 7
} else {
  const { path, gate } = workerData as { path: string; gate: Int32Array }
  passGate(gate)
  const slab = await Slab.open(path)
  const db = slab.db('rows')
  for (let i = 0; ; i++) {
    slab.write(() => {
      for (let j = 0; j < 50; j++) db.put(Buffer.from(`${i % 100} ${j}`), Buffer.alloc(100))
      // In the midst of a transaction: without the gate it would end there.
      if (i !== 20) return
      port.postMessage('writing')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
    })
  }
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { Kernel, kernel, kernelModule } from '../../src/kernel/kernel.js'

test('its views follow its memory when it grows', () => {
  const { calls } = kernel()
  const before = kernel().mem
  const at = calls.allocate(before.length + 1)
  const { mem, view } = kernel()
  assert.equal(before.length, 0)
  mem[at] = 7
  assert.equal(view.getUint8(at), 7)
  calls.release(at)
  assert.equal(calls.allocate(before.length + 1) !== 0, true)
})

test('instances have memory of their own', () => {
  const [a, b] = [new Kernel(kernelModule()), new Kernel(kernelModule())]
  const at = a.calls.allocate(8)
  a.mem[at] = 1
  assert.equal(b.mem[at], 0)
})

test('a thread that starts later gets the compiled module', async () => {
  kernelModule()
  const code = `const { getEnvironmentData, parentPort } = require('node:worker_threads')
    parentPort.postMessage(getEnvironmentData('synapse-migrator:kernel') instanceof WebAssembly.Module)`
  const worker = new Worker(code, { eval: true })
  const got = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
  assert.equal(got, true)
})

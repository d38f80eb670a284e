// Makes a Cortex of 0.1.x with one thing in it that is huge: `huge-cortex.js DIR KIND`; see `KINDS`.
import { join } from 'node:path'
import { makeSyntheticCortex } from '../../bench/synthetic-layer.js'
import { buid } from '../../src/bytes/hash.js'
import { encode, type Value } from '../../src/bytes/msgpack.js'
import { Slab } from '../../src/slab/slab.js'

type Put = (buid: Uint8Array, name: string, valu: Value) => void

const MB = 1_000_000
const NO_TIMES = [null, null]

/** Rows of nodes of a form that the core model has; the model of test/faults/memory.fault.test.ts has their properties. */
const KINDS: Record<string, (put: Put) => void> = {
  'node of 200 MB': (put) => {
    const of = node(put, 'it:dev:str', 'x')
    for (let i = 0; i < 200; i++) put(of, `._p${i}`, 'y'.repeat(MB))
  },
  'value of 100 MB': (put) => {
    const of = node(put, 'it:dev:str', 'x')
    put(of, '._p0', 'y'.repeat(100 * MB))
  },
  '100,000 tags on a node': (put) => tags(put, 100_000),
  '1,000,000 tags on a node': (put) => tags(put, 1_000_000),
  '100,000 abbreviations': (put) => {
    for (let i = 0; i < 1000; i++) {
      const of = node(put, 'it:dev:str', `x${i}`)
      for (let tag = 0; tag < 100; tag++) put(of, `#t${i}x${tag}`, NO_TIMES)
    }
  },
}

function tags(put: Put, count: number): void {
  const of = node(put, 'it:dev:str', 'x')
  for (let i = 0; i < count; i++) put(of, `#t${i.toString().padStart(7, '0')}`, NO_TIMES)
}

function node(put: Put, form: string, valu: string): Uint8Array {
  const of = buid([form, valu])
  put(of, `*${form}`, valu)
  put(of, '.created', 1_600_000_000_000)
  return of
}

const [dir, kind] = process.argv.slice(2)
const { layer } = await makeSyntheticCortex(dir, { nodes: 1000, splices: false })
const slab = await Slab.open(join(dir, 'layers', layer, 'layer.lmdb'), { mapBytes: 2 ** 32 })
const db = slab.db('bybuid')
slab.write(() => {
  KINDS[kind]((of, name, valu) => db.put(Buffer.concat([of, Buffer.from(name)]), encode([valu, null])))
})
await slab.close()

// The process that `plant()` starts: changes come as JSON on stdin.
import { strict as assert } from 'node:assert'
import { text } from 'node:stream/consumers'
import { Slab } from '../../src/slab/slab.js'
import type { Plant } from './plant.js'

const plants = JSON.parse(await text(process.stdin)) as Plant[]
const slab = await Slab.open(process.argv[2])
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'))
const dbs = new Map(plants.map(({ db, dupSort }) => [db, slab.db(db, { dupSort })]))
slab.write(() => {
  for (const { db, op, key, value } of plants) {
    const store = dbs.get(db)
    assert(store !== undefined)
    if (op === 'put') store.put(bytes(key), bytes(value ?? ''))
    else assert(value === null ? store.delete(bytes(key)) : store.delete(bytes(key), bytes(value)))
  }
})
await slab.close()

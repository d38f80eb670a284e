// Opens the state of a service directory, which one process can do only once, and prints what the store tells.
import { join } from 'node:path'
import { Slab } from '../../src/slab/slab.js'
import { Hive } from '../../src/sync/cell/hive.js'
import { LmdbOffsetStore } from '../../src/sync/cell/offset-store.js'

const [dirn] = process.argv.slice(2)
const cellSlab = await Slab.open(join(dirn, 'slabs', 'cell.lmdb'))
const syncSlab = await Slab.open(join(dirn, 'slabs', 'migrsync.lmdb'))
const store = new LmdbOffsetStore(syncSlab, new Hive(cellSlab), (error) => {
  throw error
})
const layers = store.layers().map(([iden, start]) => ({
  iden,
  start,
  pull: store.pullOffset(iden),
  push: store.pushOffset(iden),
  errors: store.errorCount(iden),
}))
const errors = [...store.errors()].map(({ layer, offset, endOffset, message, splices }) => ({
  layer,
  offset,
  endOffset,
  message,
  splices: splices.map((each) => Buffer.from(each).toString('hex')),
}))
const override = store.migrationModeOverride()
console.log(JSON.stringify({ layers, errors, override, syncing: store.syncing() }))

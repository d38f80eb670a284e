// Edits the checkpoints of a destination, in a process of its own: `edit-checkpoint.js DEST PART` flips a bit of each, at
// PART thousandths of it; `DEST schema` makes them those of a later version; `DEST partition` forgets one partition of each
// layer of which parts of the merge are noted.
import { join } from 'node:path'
import { Checkpoints, readCheckpointHeads } from '../../src/dest/checkpoints.js'
import { MERGE_STREAMS } from '../../src/migrate/layer-merge.js'
import { Slab } from '../../src/slab/slab.js'

const [destDir, part] = process.argv.slice(2)

if (part === 'schema') {
  const keys = [...readCheckpointHeads(destDir).keys()]
  const checkpoints = await Checkpoints.open(destDir)
  for (const key of keys) {
    const checkpoint = checkpoints.get(key) as { fingerprint?: object }
    if (checkpoint.fingerprint === undefined) continue
    checkpoints.put(key, { ...checkpoint, fingerprint: { ...checkpoint.fingerprint, schema: 99 } })
  }
  await checkpoints.close()
} else if (part === 'partition') {
  const slab = await Slab.open(join(destDir, 'migration', 'checkpoints.lmdb'))
  const db = slab.db('checkpoints')
  const rows = [...db.rows()].map(({ key }) => Buffer.from(key).toString().split('/'))
  const merged = rows.filter(([step, , stream]) => step === 'nodes' && Number(stream) >= MERGE_STREAMS)
  slab.write(() => {
    for (const iden of new Set(merged.map(([, iden]) => iden))) {
      const noted = rows.find(([step, of, stream]) => step === 'nodes' && of === iden && stream !== undefined)
      db.delete(Buffer.from((noted ?? []).join('/')))
    }
  })
  await slab.close()
} else {
  const slab = await Slab.open(join(destDir, 'migration', 'checkpoints.lmdb'))
  const db = slab.db('checkpoints')
  const rows = [...db.rows()]
  slab.write(() => {
    for (const { key, value } of rows) {
      value[Math.floor((value.length * Number(part)) / 1000)] ^= 1 << (Number(part) % 8)
      db.put(key, value)
    }
  })
  await slab.close()
}

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeSyntheticCortex } from '../../bench/synthetic-layer.js'
import { decode } from '../../src/bytes/msgpack.js'
import { walkSlab } from '../../src/page/page-walker.js'
import { copyCortex, python, tempDir } from '../support/cortex.js'

const NODES = 2000

test('makeSyntheticCortex() makes what 0.1.58 opens and lifts by every index, and rc18 migrates without an error', async (t) => {
  const dir = tempDir(t)
  const src = join(dir, 'src')
  const { forms, forks, layer, rows } = await makeSyntheticCortex(src, { nodes: NODES, forks: 1 })

  const opened = JSON.parse(python('01x', 'lift_nodes.py', copyCortex(src, join(dir, 'opened'))))
  assert.deepEqual(opened.lost, [])
  assert.ok(opened.lifts > 1000)
  assert.deepEqual(opened.lifted, forms)
  assert.deepEqual(opened.counts, forms)

  const dest = join(dir, 'dest')
  const tool = ['-m', 'synapse.tools.migrate_020', '--src', src, '--dest', dest, '--map-partial']
  python('rc18', ...tool)
  python('rc18', ...tool, '--dump-errors')
  const migration = join(dest, 'migration')
  const dumped = readdirSync(migration).filter((name) => name.startsWith('migrerrors'))
  assert.deepEqual(
    dumped.map((name) => decode(readFileSync(join(migration, name)))),
    [[]],
  )
  for (const [fork, changed] of Object.entries(forks)) {
    const partial = walkSlab(join(dest, 'layers', fork, 'layer_v2.lmdb'))
    assert.ok((partial.dbs.get('bybuid')?.entries ?? 0) >= changed)
  }
  const log = walkSlab(join(dest, 'layers', layer, 'nodeedits.lmdb'))
  assert.deepEqual(log.complaints, [])
  assert.ok((log.dbs.get('nodeedits')?.entries ?? 0) >= NODES, 'an edit for each node at least')
  const nodes = walkSlab(join(dest, 'layers', layer, 'layer_v2.lmdb'))
  assert.deepEqual(nodes.complaints, [])
  assert.ok((nodes.dbs.get('bybuid')?.entries ?? 0) >= rows.bybuid)
})

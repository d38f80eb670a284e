import assert from 'node:assert/strict'
import { readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { installSlab, SlabBuild } from '../../src/dest/slab-build.js'
import { LeafBuilder } from '../../src/page/leaf-builder.js'
import { ChunkSender, makeCredits } from '../../src/thread/chunk-sender.js'
import { streamPorts } from '../../src/thread/task-pool.js'
import { tempDir } from '../support/fixture.js'

test('SlabBuild names the slab whose directory cannot be made, whatever the system says', () => {
  const file = join(tempDir(), 'file')
  writeFileSync(file, '')
  assert.throws(() => new SlabBuild(join(file, 'layer', 'nodes.lmdb'), null), {
    code: 'ERR_DEST',
    message: /Cannot make slab ".*nodes\.lmdb"/,
    exitCode: 6,
  })
})

test('installSlab() leaves nothing beside a slab of what its build had noted, also when it has its name already', async () => {
  const dir = tempDir()
  const [at, finalDir] = [join(dir, 'build', 'rows.lmdb'), join(dir, 'rows.lmdb')]
  const build = new SlabBuild(at, null)
  const { task, writer } = streamPorts()
  const placed = build.receive(0, writer, makeCredits(1 << 20))
  const sender = new ChunkSender(task, 0, makeCredits(1 << 20))
  const builder = new LeafBuilder({ dupSort: false, emit: (chunk) => sender.send(chunk) })
  builder.add(Buffer.from('key'), 0, 3, Buffer.from('value'), 0, 5)
  sender.end(builder.finish(), [])
  await placed
  build.finishDb('rows', false, [0])
  build.finish()
  assert.deepEqual(readdirSync(join(dir, 'build')).sort(), ['rows.lmdb', 'rows.lmdb.leaves'])

  // An earlier process has ended right behind the renaming.
  renameSync(at, finalDir)
  for (let run = 1; run <= 2; run++) {
    assert.equal(installSlab(at, finalDir), true)
    assert.deepEqual(readdirSync(join(dir, 'build')), [])
  }
})

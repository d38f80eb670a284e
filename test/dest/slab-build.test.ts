import assert from 'node:assert/strict'
import { readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { MessagePort } from 'node:worker_threads'
import { installSlabs, SlabBuild } from '../../src/dest/slab-build.js'
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

test('installSlabs() leaves nothing beside a slab of what its build had noted, also when it has its name already', async () => {
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
    assert.equal(installSlabs([{ dir: at, finalDir }]), true)
    assert.deepEqual(readdirSync(join(dir, 'build')), [])
  }
})

test('SlabBuild keeps no port open of a stream that has ended: each message would look at all of them', async () => {
  const build = new SlabBuild(join(tempDir(), 'nodes.lmdb'), null)
  // The port for buffers, which stays, comes with the first pages of a thread.
  await sent(build, 100, 4000)
  const before = openPorts()
  const ports: MessagePort[] = []
  for (let stream = 0; stream < 20; stream++) {
    // One small stream goes with its end, the next one in chunks before it.
    const { result, writer } = await sent(build, stream, stream % 2 === 0 ? 10 : 4000)
    ports.push(writer)
    assert.equal(result.entries, stream % 2 === 0 ? 10 : 4000)
    assert.equal(result.pages > 16, stream % 2 === 1)
  }
  for (let turn = 0; turn < 100 && openPorts() > before; turn++) await setImmediate()
  const left = openPorts() - before
  for (const port of ports) port.close()
  build.close()
  assert.equal(left, 0)
})

async function sent(build: SlabBuild, stream: number, rows: number) {
  const { task, writer } = streamPorts()
  const credits = makeCredits(1 << 24)
  const received = build.receive(stream, writer, credits)
  // A thread that is busy with its next task has not closed its end yet.
  const port = { postMessage: task.postMessage.bind(task), close: () => {} } as unknown as MessagePort
  const sender = new ChunkSender(port, stream, credits)
  const builder = new LeafBuilder({ dupSort: false, emit: (chunk) => sender.send(chunk) })
  const key = Buffer.alloc(8)
  for (let row = 0; row < rows; row++) {
    key.writeUInt32BE(row, 4)
    builder.add(key, 0, 8, Buffer.alloc(100), 0, 100)
  }
  sender.end(builder.finish(), [])
  return { result: await received, writer }
}

function openPorts(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length
}

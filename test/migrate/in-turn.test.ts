import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GroupCommit } from '../../src/migrate/in-turn.js'

test('GroupCommit commits everything once and in order, one commit at a time', async () => {
  const committed: number[] = []
  let running = 0
  const commits = new GroupCommit<number>(async (batch) => {
    assert.equal(++running, 1)
    assert.ok(batch.length > 0)
    await new Promise((resolve) => setImmediate(resolve))
    committed.push(...batch)
    running--
  })
  for (let item = 0; item < 200; item++) {
    commits.add(item)
    if (item % 7 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await commits.drain()
  assert.deepEqual(
    committed,
    Array.from({ length: 200 }, (_, item) => item),
  )
})

test('GroupCommit throws the error of a commit when it is drained, and when more is added', async () => {
  const commits = new GroupCommit<number>(() => Promise.reject(new Error('the disk is full')))
  commits.add(1)
  await assert.rejects(commits.drain(), /the disk is full/)
  assert.throws(() => commits.add(2), /the disk is full/)
})

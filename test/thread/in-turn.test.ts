import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GroupCommit } from '../../src/thread/in-turn.js'

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

test('GroupCommit.room() holds back who adds more while too much is not committed, and no longer', async () => {
  const gates: (() => void)[] = []
  const commits = new GroupCommit<number>(() => new Promise((resolve) => gates.push(resolve)), 100)
  const isOpen = async () => {
    let open = false
    commits.room().then(() => {
      open = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    return open
  }
  commits.add(1, 60)
  commits.add(2, 40)
  assert.equal(await isOpen(), true, '100 bytes are no more than 100')
  commits.add(3, 60)
  assert.equal(await isOpen(), false)
  gates[0]()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(await isOpen(), true, 'the first commit has taken 60 bytes away')
  gates[1]()
  await commits.drain()
})

test('GroupCommit.room() throws the error of a commit that it waits for, and of an earlier one', async () => {
  let fail: (err: Error) => void = () => {}
  const commit = () => new Promise<void>((_, reject) => (fail = reject))
  const commits = new GroupCommit<number>(commit, 100)
  commits.add(1, 101)
  const waited = commits.room()
  fail(new Error('the disk is full'))
  await assert.rejects(waited, /the disk is full/)
  await assert.rejects(commits.room(), /the disk is full/)
})

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { DirLock, type LockTimes } from '../../src/lock/dir-lock.js'
import { flock } from '../../src/lock/flock.js'
import { type Identity, isRunning, ownIdentity } from '../../src/lock/identity.js'
import { tempDir } from '../support/cortex.js'
import { plantLock, STRANGER, startLockChild } from '../support/lock.js'
import type { LockChild } from '../support/lock-child.js'

/** Beats so often, and watches for so long, that a machine under load is still seen to be alive. */
const TIMES: LockTimes = { beatMs: 20, watchMs: 6000 }
/** For holders that are dead for certain. */
const SHORT: LockTimes = { beatMs: 20, watchMs: 100 }
/** Where there is no flock command: the heartbeat alone tells. */
const NO_FLOCK = { PATH: '/nonexistent' }

const FOREIGN: [string, Partial<Identity>, RegExp][] = [
  ['namespace', { pidNamespace: 'pid:[1]' }, /process \d+ of another container on this machine \(".*"\)/],
  ['host', { host: 'other', bootId: 'other' }, /process \d+ on host "other"/],
  ['boot', { bootId: 'other' }, /process \d+ on host ".*"/],
]

test('DirLock refuses a second taker of the same host at once, and nothing is left behind', async (t) => {
  const path = join(tempDir(t), 'a.lock')
  const told: string[] = []
  const lock = await take(path, { told })
  await assert.rejects(take(path, { told }), {
    code: 'ERR_LOCKED',
    message: `Cannot use it: process ${process.pid} uses it`,
    hint: 'Wait for it to end, or stop it',
  })
  assert.equal(await DirLock.holder(path, (text) => told.push(text)), `process ${process.pid}`)
  assert.equal(told.length, 0, 'nobody is watched who can be seen')
  lock.release()
  lock.release()
  assert.equal(await DirLock.holder(path, (text) => told.push(text)), null)
  assert.deepEqual(readdirSync(join(path, '..')), [])
})

test('DirLock takes the lock of a process of the same host that is gone at once, and leaves no file of it', async (t) => {
  const path = join(tempDir(t), 'a.lock')
  const gone = spawnSync(process.execPath, ['--version']).pid
  for (const holder of [{ pid: gone }, { startTicks: '5' }]) {
    plantLock(path, holder)
    plantLock(`${path}.new-0123`, holder)
    plantLock(`${path}.after-4567`, holder)
    const told: string[] = []
    const lock = await take(path, { told, times: { beatMs: 1000, watchMs: 1e9 } })
    assert.deepEqual([told, readdirSync(join(path, '..'))], [[], ['a.lock']])
    lock.release()
  }
})

for (const [what, holder, name] of FOREIGN) {
  test(`DirLock refuses while a holder of another ${what} lives, by its heartbeat alone`, async (t) => {
    const path = join(tempDir(t), 'a.lock')
    const { said, child, ended } = startLockChild(t, { path, identity: holder, times: TIMES }, NO_FLOCK)
    await said(/^held$/)
    const told: string[] = []
    await assert.rejects(take(path, { told, times: TIMES }), (error: Error) => name.test(error.message))
    assert.match(
      told.join('\n'),
      /^"a.lock" names process .*, which cannot be seen from here: watching for 6 s to see whether/,
    )
    assert.match(String(await DirLock.holder(path, () => {}, { times: TIMES })), name)
    child.kill('SIGKILL')
    await ended
    // As a container that is started again after a kill: it gets in, and says what it waits for.
    told.length = 0
    const lock = await take(path, { told, times: SHORT })
    assert.deepEqual(told.slice(1), ['It is not alive: its heartbeat has not changed for 1 s'])
    lock.release()
    assert.deepEqual(readdirSync(join(path, '..')), [])
  })
}

test('DirLock sees at once that a holder of another container lives where the system has flock', async (t) => {
  const path = join(tempDir(t), 'a.lock')
  const { said, child } = startLockChild(t, { path, identity: STRANGER, times: { beatMs: 1e9, watchMs: 1 } })
  await said(/^held$/)
  // It is stopped and has no heartbeat, and is alive all the same.
  child.kill('SIGSTOP')
  const told: string[] = []
  if (hasFlock(t)) {
    await assert.rejects(take(path, { told, times: SHORT }), { code: 'ERR_LOCKED' })
    assert.deepEqual(told, [])
  } else {
    const lock = await take(path, { told, times: SHORT })
    lock.release()
  }
})

test('the heartbeat of DirLock goes on while the main thread of its process is busy', async (t) => {
  const path = join(tempDir(t), 'a.lock')
  const { said } = startLockChild(t, { path, identity: STRANGER, times: TIMES, isBusy: true }, NO_FLOCK)
  await said(/^held$/)
  await assert.rejects(take(path, { times: TIMES }), { code: 'ERR_LOCKED' })
})

test('who loses the lock of DirLock is told, and is killed when it is too busy to listen', async (t) => {
  for (const isBusy of [false, true]) {
    const path = join(tempDir(t), 'a.lock')
    const { said, ended } = startLockChild(t, { path, times: TIMES, isBusy })
    await said(/^held$/)
    const next = `${path}.next`
    plantLock(next, STRANGER)
    renameSync(next, path)
    const { code, signal, stderr } = await ended
    const text = /Cannot use it any longer: another process took ".*a.lock" while this one was paused/
    assert.deepEqual([code, signal], isBusy ? [null, 'SIGKILL'] : [10, null])
    assert.match(isBusy ? stderr : await said(/^lost/), text)
  }
})

test('DirLock takes over a file that names nobody only after it was watched', async (t) => {
  const path = join(tempDir(t), 'a.lock')
  for (const text of ['', '12 3456@boot\n', '{"token":"x"}\n', '\0'.repeat(300)]) {
    writeFileSync(path, text)
    const told: string[] = []
    const lock = await take(path, { told, times: SHORT })
    assert.match(told[0], /^"a.lock" names a process that is not known, /)
    lock.release()
  }
})

test('DirLock removes what a stranger has left on its way only when it is old', async (t) => {
  const path = join(tempDir(t), 'a.lock')
  plantLock(`${path}.new-young`, STRANGER)
  plantLock(`${path}.new-old`, STRANGER)
  utimesSync(`${path}.new-old`, 1e9, 1e9)
  const lock = await take(path, {})
  lock.release()
  assert.deepEqual(readdirSync(join(path, '..')), ['a.lock.new-young'])
})

test('of many processes that take the same dead lock at the same moment, one has it at a time', async (t) => {
  const seed = Number(process.env.LOCK_SEED ?? Math.floor(Math.random() * 1e6))
  t.diagnostic(`LOCK_SEED=${seed}`)
  // Neighbors, who see each other; and strangers, who have nothing but heartbeats.
  for (const areStrangers of [false, true]) {
    const path = join(tempDir(t), 'a.lock')
    plantLock(path, areStrangers ? STRANGER : { startTicks: '5' })
    const children = Array.from({ length: 5 }, (_, i) => {
      const options: LockChild = { path, times: { beatMs: 50, watchMs: 3000 }, rounds: 12, seed: seed + i }
      if (!areStrangers) return startLockChild(t, options)
      return startLockChild(t, { ...options, identity: { pidNamespace: `pid:[${i}]` } }, NO_FLOCK)
    })
    const ends = await Promise.all(children.map(({ ended }) => ended))
    assert.deepEqual(
      ends.map(({ code, stderr }) => [code, stderr]),
      children.map(() => [0, '']),
    )
    const held = children.flatMap(({ lines }) => lines.filter((line) => line === 'held')).length
    assert.ok(held >= 5, `${held} times held`)
    assert.deepEqual(readdirSync(join(path, '..')), [])
  }
})

test('isRunning() tells a process from a later one with its pid, and says when it cannot', () => {
  const own = ownIdentity()
  assert.equal(isRunning(own), true)
  assert.equal(isRunning({ ...own, startTicks: '5' }), false)
  assert.equal(isRunning({ ...own, startTicks: '' }), null)
  assert.equal(isRunning({ ...own, pid: spawnSync(process.execPath, ['--version']).pid }), false)
})

function hasFlock(t: TestContext): boolean {
  const fd = openSync(join(tempDir(t), 'file'), 'wx+')
  try {
    const has = flock(fd, 'exclusive') !== null
    t.diagnostic(has ? 'with flock' : 'WITHOUT FLOCK: the command is missing')
    return has
  } finally {
    closeSync(fd)
  }
}

function take(path: string, { told = [], times }: { told?: string[]; times?: LockTimes }): Promise<DirLock> {
  const use = { refusal: 'Cannot use it', doing: 'uses it', tell: (text: string) => told.push(text) }
  return DirLock.take(path, use, times === undefined ? {} : { times })
}

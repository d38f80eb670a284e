import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { Slab } from '../../src/slab/slab.js'
import { Auth } from '../../src/sync/cell/auth.js'
import { Hive } from '../../src/sync/cell/hive.js'
import { Logins } from '../../src/sync/cell/logins.js'
import { TelepathError } from '../../src/telepath/errors.js'
import { memoryLog } from '../support/fake-sync.js'
import { tempDir } from '../support/fixture.js'

let slab: Slab
let auth: Auth
let log: ReturnType<typeof memoryLog>
let nowMs: number
let waits: number[]
let logins: Logins

before(async () => {
  slab = await Slab.open(join(tempDir(), 'cell.lmdb'))
  auth = new Auth(new Hive(slab))
  auth.setPasswd(auth.root.iden, 'rootpw')
  auth.add('visi', 'visipw', null)
})

after(() => slab.close())

beforeEach(() => {
  log = memoryLog()
  nowMs = 1e6
  waits = []
  logins = new Logins(auth, log, {
    nowMs: () => nowMs,
    wait: async (ms) => {
      waits.push(ms)
      nowMs += ms
    },
  })
})

async function guess(address = '10.0.0.1', name = 'root', passwd = 'wrong'): Promise<string> {
  try {
    return (await logins.login(address, name, passwd)).name
  } catch (error) {
    assert.ok(error instanceof TelepathError)
    return error.info.get('wait') === undefined ? error.name : 'refused'
  }
}

test('Logins looks at guesses for one user from one address ever later: after 5 at once, 8 s for each', async () => {
  for (let i = 0; i < 5; i++) assert.equal(await guess(), 'AuthDeny')
  assert.deepEqual(waits, [])
  for (let i = 0; i < 6; i++) await guess()
  assert.deepEqual(waits, [1000, 2000, 4000, 8000, 8000, 8000])
  // Another user, another address, and who knows the password after a wait.
  assert.equal(await guess('10.0.0.1', 'visi', 'visipw'), 'visi')
  assert.equal(await guess('10.0.0.2', 'root', 'rootpw'), 'root')
  assert.equal(waits.length, 6)
  assert.equal(await guess('10.0.0.1', 'root', 'rootpw'), 'root')
  assert.equal(await guess(), 'AuthDeny')
  assert.equal(waits.length, 7, 'who is in starts over')
})

test('Logins refuses without a look what would wait longer than 8 s, however many connections guess', async () => {
  const looks: number[] = []
  const slow = new Logins(auth, log, { nowMs: () => nowMs, wait: (ms) => new Promise(() => looks.push(ms)) })
  const results: string[] = []
  for (let i = 0; i < 1000; i++) {
    slow.login('10.0.0.1', 'root', `guess ${i}`).catch((error) => results.push(error.info.get('mesg')))
    await Promise.resolve()
  }
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(looks, [1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000])
  assert.equal(results.filter((mesg) => mesg === 'Invalid password').length, 5)
  assert.equal(results.filter((mesg) => /^Too many wrong passwords: try again in \d+ s$/.test(mesg)).length, 987)
})

test('Logins forgets failures after ten minutes, and counts names of nobody together', async () => {
  for (let i = 0; i < 5; i++) await guess('10.0.0.1', `name ${i}`)
  await guess('10.0.0.1', 'another name')
  assert.deepEqual(waits, [1000])
  nowMs += 600_001
  assert.equal(await guess('10.0.0.1', 'another name'), 'NoSuchUser')
  assert.deepEqual(waits, [1000])
})

test('Logins logs each failure with user and address, and neither a password nor a name of nobody', async () => {
  await guess()
  await guess('10.0.0.1', 'hunter2', 'hunter3')
  for (let i = 0; i < 4; i++) await guess()
  assert.match(log.lines[0], /Wrong password for user "root" from 10\.0\.0\.1$/)
  assert.match(log.lines[1], /Wrong password for a user that does not exist from 10\.0\.0\.1$/)
  assert.match(log.lines.at(-1) as string, /root" from 10\.0\.0\.1, 5 in a row: the next has to wait for 1 s$/)
  assert.doesNotMatch(log.lines.join('\n'), /hunter|wrong$/)
})

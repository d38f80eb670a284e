import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { PackMap, Value } from '../../src/bytes/msgpack.js'
import { MigrationError } from '../../src/errors.js'
import { type CellOptions, SyncCell } from '../../src/sync/cell/cell.js'
import { openCellDir } from '../../src/sync/cell/cell-dir.js'
import { openProxy, type TeleProxy } from '../../src/telepath/client.js'
import { TelepathError } from '../../src/telepath/errors.js'
import { FakeSync, layerState, memoryLog, syncConfig, syncError } from '../support/fake-sync.js'
import { tempDir } from '../support/fixture.js'
import { unpackService } from '../support/reference-service.js'

const fake = new FakeSync()
const log = memoryLog()
let cell: SyncCell
const dir = join(tempDir(), 'new', 'service')

async function options(path: string, changes: Partial<CellOptions> = {}): Promise<CellOptions> {
  return {
    dir: await openCellDir(path, log.warn),
    config: { ...syncConfig(), authPasswd: 'secret' },
    telepath: 'tcp://127.0.0.1:0/',
    https: null,
    name: 'migrsync',
    version: [0, 1, 0],
    log,
    openCortex: () => assert.fail('nothing is opened here'),
    createSyncService: () => fake,
    ...changes,
  }
}

before(async () => {
  cell = await SyncCell.open(await options(dir))
})

after(() => cell.close())

function url(user = 'root:secret', share = ''): string {
  return `tcp://${user}${user && '@'}127.0.0.1:${cell.ports.telepath}/${share}`
}

async function as<T>(user: string, use: (proxy: TeleProxy) => Promise<T>): Promise<T> {
  const proxy = await openProxy(url(user))
  try {
    return await use(proxy)
  } finally {
    await proxy.close()
  }
}

function fails(promise: Promise<unknown>, name: string, mesg = /./): Promise<void> {
  return assert.rejects(promise, (error) => {
    assert.ok(error instanceof TelepathError, String(error))
    assert.equal(error.name, name)
    assert.match(error.message, mesg)
    return true
  })
}

test('SyncCell makes its directory as the reference lays it out', () => {
  assert.equal(statSync(dir).mode & 0o777, 0o700)
  for (const file of ['cell.guid', 'slabs/cell.lmdb', 'slabs/migrsync.lmdb', 'sock']) {
    assert.ok(existsSync(join(dir, file)), file)
  }
})

test('SyncCell shares itself as a Storm service, under its name too', async () => {
  for (const share of ['', '*', 'migrsync']) {
    const proxy = await openProxy(url('root:secret', share))
    assert.ok(proxy.classes.some((name) => name.endsWith('.StormSvc')))
    assert.equal(proxy.version[0], 2)
    await proxy.close()
  }
  await fails(openProxy(url('root:secret', 'cortex')), 'NoSuchName')
  await fails(openProxy(url('root:secret', '*/layer/x')), 'NoSuchPath')
})

test('SyncCell lets in who has a password, and over its unix socket who has the directory', async () => {
  await fails(openProxy(url('')), 'AuthDeny', /Unable to find cell user/)
  await fails(openProxy(url('newp:x')), 'NoSuchUser', /newp/)
  for (const user of ['root', 'root:', 'root:wrong']) await fails(openProxy(url(user)), 'AuthDeny', /Invalid password/)
  const local = await openProxy(`cell://${dir}`)
  assert.equal(((await local.call('getCellUser')) as PackMap).get('name'), 'root')
  await local.close()
  await fails(openProxy(`cell://newp@${dir}:*`), 'NoSuchUser')
})

test('getStormSvcInfo offers the commands of the reference and those that it lacks', async () => {
  const info = (await as('root:secret', (proxy) => proxy.call('getStormSvcInfo'))) as PackMap
  assert.equal(info.get('name'), 'migrsync')
  const [pkg] = info.get('pkgs') as PackMap[]
  assert.deepEqual(pkg.get('version'), [0, 1, 0])
  const names = (pkg.get('commands') as PackMap[]).map((command) => command.get('name'))
  const known = [
    'status',
    'startfromfile',
    'startfromlast',
    'stopsync',
    'migrationmode.enable',
    'migrationmode.disable',
  ]
  for (const name of [...known, 'migrationmode.auto', 'cutover', 'errors', 'retry']) {
    assert.ok(names.includes(`migrsync.${name}`), name)
  }
  for (const name of names) assert.match(String(name), /^[a-z][a-z0-9.]+$/)
})

test('status takes anything true for the table, as Storm sends texts', async () => {
  fake.layers = [layerState()]
  await as('root:secret', async (proxy) => {
    const hasTable = async (...args: Value[]) => {
      const [[, layer]] = ((await proxy.call('status', args)) as PackMap).entries
      return (layer as PackMap).get('pprint') !== undefined
    }
    for (const arg of ['True', 'False', 1, true, [0]]) assert.equal(await hasTable(arg), true, String(arg))
    for (const arg of ['', 0, false, null, []]) assert.equal(await hasTable(arg), false, String(arg))
    assert.equal(await hasTable(), false)
    const status = (await proxy.call('status', [], { pprint: true })) as PackMap
    assert.ok((status.entries[0][1] as PackMap).get('pprint'))
  })
})

test('who is no administrator may look and not touch', async () => {
  const iden = await as('root:secret', async (proxy) => {
    const user = (await proxy.call('addUser', ['visi', 'visi123'])) as PackMap
    return user.get('iden') as string
  })
  fake.calls.length = 0
  await as('visi:visi123', async (proxy) => {
    for (const method of ['status', 'getSyncState', 'listErrors', 'getStormSvcInfo', 'getCellUser', 'getCellType']) {
      await proxy.call(method)
    }
    const steering = ['startSyncFromFile', 'startSyncFromLast', 'stopSync', 'retryErrors']
    const modes = ['enableMigrationMode', 'disableMigrationMode', 'automaticMigrationMode']
    for (const method of [...steering, ...modes, 'getAuthUsers', 'getUserDefs', 'getDmonSessions']) {
      await fails(proxy.call(method), 'AuthDeny', /not an admin/)
    }
    await fails(proxy.call('addUser', ['x']), 'AuthDeny')
    await fails(proxy.call('setUserAdmin', [iden, true]), 'AuthDeny')
    await fails(proxy.call('setUserPasswd', [cell.auth.root.iden, 'mine']), 'AuthDeny')
    await fails(proxy.call('getUserInfo', ['root']), 'AuthDeny')
    assert.equal(await proxy.call('setUserPasswd', [iden, 'visi456']), true)
  })
  assert.deepEqual(fake.calls, [])
  await fails(openProxy(url('visi:visi123')), 'AuthDeny')
  const visi = await openProxy(url('visi:visi456'))
  await as('root:secret', (proxy) => proxy.call('setUserLocked', [iden, true]))
  await fails(visi.call('status'), 'AuthDeny', /locked/)
  await fails(openProxy(url('visi:visi456')), 'AuthDeny')
  await as('root:secret', (proxy) => proxy.call('delUser', [iden]))
  await fails(visi.call('status'), 'NoSuchUser')
  await visi.close()
})

test('the calls of the Storm commands reach the service, and its failures the caller', async () => {
  fake.layers = [layerState()]
  fake.calls.length = 0
  await as('root:secret', async (proxy) => {
    assert.deepEqual(await proxy.call('startSyncFromFile'), [[fake.layers[0].iden, 32048]])
    assert.deepEqual(await proxy.call('startSyncFromLast'), [[fake.layers[0].iden, 32048]])
    assert.deepEqual(await proxy.call('stopSync'), [fake.layers[0].iden])
    assert.equal(await proxy.call('enableMigrationMode'), null)
    fake.modeFailure = 'Disabling migration mode on dest cortex encountered an error: x'
    assert.match(String(await proxy.call('disableMigrationMode')), /encountered an error/)
    fake.modeFailure = null
    fake.known = [syncError()]
    const [error] = (await proxy.call('listErrors')) as PackMap[]
    assert.equal(error.get('offs'), 5)
    assert.equal(((error.get('splices') as Value[])[0] as Value[])[0], 'node:add')
    assert.equal(((await proxy.call('retryErrors')) as PackMap).get('applied'), 1)
    fake.failure = new MigrationError('ERR_CONFIG', 'Cannot read "x.yaml": it does not exist', { hint: 'set offsfile' })
    await fails(proxy.call('startSyncFromFile'), 'SynErr', /x\.yaml.*set offsfile/)
    fake.failure = TelepathError.of('AuthDeny', { mesg: 'Invalid password', user: 'root' })
    await fails(proxy.call('startSyncFromLast'), 'AuthDeny', /Invalid password/)
    fake.failure = null
    await fails(proxy.call('status', [1, 2]), 'TypeError', /from 1 to 2 positional arguments but 3/)
  })
  assert.deepEqual(fake.calls.slice(0, 4), [
    'startSyncFromFile',
    'startSyncFromLast',
    'stopSync',
    'enableMigrationMode',
  ])
})

test('users of the cell can be administered', async () => {
  await as('root:secret', async (proxy) => {
    assert.equal(await proxy.call('getCellType'), 'syncmigrator')
    assert.match(String(await proxy.call('getCellIden')), /^[0-9a-f]{32}$/)
    const user = (await proxy.call('addUser', ['bob'], { email: 'bob@x.org' })) as PackMap
    assert.equal(user.get('email'), 'bob@x.org')
    await fails(proxy.call('addUser', ['bob']), 'DupUserName')
    await fails(openProxy(url('bob:')), 'AuthDeny')
    const iden = user.get('iden') as string
    await fails(proxy.call('setUserPasswd', [iden, '']), 'BadArg')
    await fails(proxy.call('setUserPasswd', [iden, 5]), 'BadArg')
    await proxy.call('setUserPasswd', [iden, 'bobpw'])
    await proxy.call('setUserAdmin', [iden, true])
    await as('bob:bobpw', (bob) => bob.call('stopSync'))
    assert.ok(await proxy.call('tryUserPasswd', ['bob', 'bobpw']))
    assert.equal(await proxy.call('tryUserPasswd', ['bob', 'x']), null)
    await proxy.call('setUserArchived', [iden, true])
    const names = (users: Value) => (users as PackMap[]).map((each) => each.get('name')).sort()
    assert.deepEqual(names(await proxy.call('getAuthUsers')), ['root'])
    assert.deepEqual(names(await proxy.call('getAuthUsers', [true])), ['bob', 'root'])
    await fails(proxy.call('delUser', [cell.auth.root.iden]), 'CantDelRootUser')
    await fails(proxy.call('delUser', ['0'.repeat(32)]), 'NoSuchUser')
    const text = JSON.stringify(await proxy.call('getUserDefs'))
    assert.doesNotMatch(text, /passwd|bobpw/)
  })
})

test('a second service on the same directory is refused while the first one runs', async () => {
  await assert.rejects(
    openCellDir(dir, log.warn),
    (error) => error instanceof MigrationError && error.code === 'ERR_LOCKED',
  )
})

test('a directory that was there before is closed to other users, unless it holds things of others', async () => {
  for (const [names, mode] of [
    [[], 0o755],
    [['cell.yaml'], 0o777],
    [['cell.yaml', 'lyroffs.yaml'], 0o1770],
  ] as const) {
    const path = tempDir()
    for (const name of names) writeFileSync(join(path, name), '')
    chmodSync(path, mode)
    const told: string[] = []
    const opened = await openCellDir(path, (text) => told.push(text))
    assert.equal(statSync(path).mode & 0o7777, 0o700)
    assert.deepEqual(told, [`Closed "${path}" to other users: its mode was 0${mode.toString(8)}`])
    opened.lock.release()
  }
  const shared = tempDir()
  writeFileSync(join(shared, 'letter'), '')
  chmodSync(shared, 0o755)
  await assert.rejects(openCellDir(shared, log.warn), {
    code: 'ERR_CONFIG',
    message: /its mode is 0755, and it holds other things than a service does/,
  })
  assert.deepEqual([statSync(shared).mode & 0o777, readdirSync(shared)], [0o755, ['letter']])
})

test('cell.guid is made again when it is empty, as a power loss leaves it, and refused when it is anything else', async () => {
  const path = tempDir()
  writeFileSync(join(path, 'cell.guid'), '')
  const told: string[] = []
  const { iden, lock } = await openCellDir(path, (text) => told.push(text))
  lock.release()
  assert.match(iden, /^[0-9a-f]{32}$/)
  assert.match(told.join(), /cell.guid" was empty, as a power loss leaves it: the service has a new iden/)
  assert.equal(readFileSync(join(path, 'cell.guid'), 'utf8'), iden)
  assert.equal(statSync(join(path, 'cell.guid')).mode & 0o777, 0o600)
  for (const text of ['x', iden.slice(1), `${iden}00`, iden.toUpperCase().replace(/\d/g, 'A')]) {
    writeFileSync(join(path, 'cell.guid'), text)
    await assert.rejects(openCellDir(path, log.warn), { code: 'ERR_CONFIG', message: /does not hold 32 hex digits/ })
    assert.equal(readFileSync(join(path, 'cell.guid'), 'utf8'), text)
  }
})

test('a socket that cannot be listened at ends the service', async () => {
  const path = tempDir()
  const given = await options(path)
  // Whatever stands there goes when a service starts, but for a directory.
  mkdirSync(join(path, 'sock', 'full'), { recursive: true })
  await assert.rejects(SyncCell.open(given), { code: 'ERR_CONFIG', message: /^Cannot listen at .*sock: / })
})

test('a directory that the reference has made is taken over, with its users and state', async () => {
  const taken = unpackService(tempDir())
  const other = await SyncCell.open(await options(taken, { config: { ...syncConfig(), authPasswd: undefined } }))
  const at = `127.0.0.1:${other.ports.telepath}`
  for (const user of ['root:secret', 'visi:visi123']) {
    const proxy = await openProxy(`tcp://${user}@${at}/`)
    const name = ((await proxy.call('getCellUser')) as PackMap).get('name')
    assert.equal(name, user.split(':')[0])
    await proxy.close()
  }
  const proxy = await openProxy(`tcp://visi:visi123@${at}/`)
  await fails(proxy.call('stopSync'), 'AuthDeny')
  await proxy.close()
  await other.close()
})

test('a port that is taken, or a url that leads nowhere, is one sentence, and nothing stays behind', async () => {
  const blocker = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => blocker.once('listening', resolve))
  const { port } = blocker.address() as { port: number }
  const cases: [Partial<CellOptions>, RegExp][] = [
    [{ telepath: `tcp://127.0.0.1:${port}/` }, /^Cannot listen at tcp:.*: the port is in use$/],
    [{ telepath: 'hunter2' }, /^Cannot listen for telepath: Cannot use the url/],
    [{ telepath: 'tcp://127.0.0.1/' }, /has no port/],
    [{ telepath: 'ssl://127.0.0.1:0/?hostname=newp' }, /there is no hosts\/newp\.crt/],
  ]
  for (const [change, wanted] of cases) {
    const path = tempDir()
    let created = false
    const create = () => {
      created = true
      return fake
    }
    await assert.rejects(SyncCell.open(await options(path, { ...change, createSyncService: create })), (error) => {
      assert.ok(error instanceof MigrationError)
      assert.match(error.message, wanted)
      assert.doesNotMatch(error.message, /hunter2/)
      return true
    })
    assert.equal(created, false)
    await openCellDir(path, log.warn)
  }
  blocker.close()
  const file = join(tempDir(), 'file')
  writeFileSync(file, '')
  await assert.rejects(openCellDir(file, log.warn), /it is a file/)
})

test('nothing of a password was logged', () => {
  assert.doesNotMatch(log.lines.join('\n'), /secret|visi123|visi456|bobpw/)
})

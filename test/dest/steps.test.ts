import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { decode, encode, PackMap, type Value } from '../../src/bytes/msgpack.js'
import { MigrationLog, readMigrationLog } from '../../src/dest/migration-log.js'
import { SlabReader } from '../../src/page/page-reader.js'
import { Hive } from '../../src/slab/hive.js'
import { readSource } from '../../src/source/cortex-dir.js'
import { MIGR_OPS, type MigrOp } from '../../src/step/context.js'
import { copyDirn } from '../../src/step/dirn.js'
import { writeOffsets, writeVersions } from '../../src/step/reports.js'
import { runCellSteps } from '../../src/step/run-cell-steps.js'
import { fixture, tempDir, unpack } from '../support/cortex.js'

const NOW = 1795368224312
const LAYER = 'da202ae99a55194da2d4b96eb84a754b'

interface Run {
  readonly srcDir: string
  readonly destDir: string
  readonly lines: string[]
  readonly errorCount: number
}

test('the cell steps leave the hive that the reference leaves, but for what they correct', async (t) => {
  const { destDir } = await migrated(t, 'source/cell.tar.gz')
  assert.equal(statSync(destDir).mode & 0o777, 0o700)
  const expected = referenceHive('reference/cell-hive.json')
  const found = hiveOf(destDir)
  const all = roleNamed(found, 'all')
  const rename = new Map([[roleNamed(expected, 'all'), all]])
  // D15: the reference replaces the idens of triggers and merges equal ones.
  const triggers = triggersOf(found)
  for (const [view, trigger, tdef] of triggersOf(expected)) {
    const same = triggers.find(([v, , other]) => v === view && equalButIden(tdef, other))
    assert.ok(same, `trigger ${trigger}`)
    expected.remove(['cortex', 'views', view, 'triggers', trigger])
    expected.remove(['auth', 'authgates', trigger])
  }
  for (const [view, trigger] of triggers) {
    assert.equal(found.get(['auth', 'authgates', trigger]), 'trigger')
    found.remove(['cortex', 'views', view, 'triggers', trigger])
    found.remove(['auth', 'authgates', trigger])
  }
  for (const view of found.children(['cortex', 'views'])) {
    // The reference of 2.0.0 names the creator, the one of rc18 left the owner's name.
    const owner = expected.remove(['cortex', 'views', view, 'owner'])
    const creator = String(found.remove(['cortex', 'views', view, 'creator']))
    assert.equal(found.get(['auth', 'users', creator]), owner)
  }
  // D16: what the 0.1.x layers had set.
  assert.equal(found.remove(['cortex', 'layers', '2b5fcc007f790405d98985973db83537', 'growsize']), 1048576)
  assert.equal(found.remove(['cortex', 'layers', '2b6dfc58737fa59ac9ca22d6c120b0c9', 'name']), 'fork one')
  assert.equal(found.remove(['cortex', 'layers', '696379b8692ea813857d6fcb0bcabbbf', 'name']), 'nosplice')
  assert.deepEqual(rowsOf(found), rowsOf(expected, rename))
})

test('the queues step leaves every item with its queue (D11)', async (t) => {
  const { srcDir, destDir } = await migrated(t, 'source/cell.tar.gz')
  const before = queueItems(srcDir, 'name2abrv')
  assert.deepEqual([...before.keys()].sort(), ['gone', 'nouser', 'q1', 'q:ü', 'empty'].sort())
  assert.deepEqual(queueItems(destDir, 'byts2abrv'), before)
})

test('the cell steps give the same hive and log when they are run again, with dirn and without', async (t) => {
  const { srcDir, destDir } = await migrated(t, 'source/cell.tar.gz')
  const once = rowsOf(hiveOf(destDir))
  const log = readMigrationLog(destDir)?.filter(({ migrop, key }) => migrop !== 'triggers' || key !== 'tottriggers')
  for (const ops of ['cell,hivelyr,triggers,cron,hiveauth,queues', MIGR_OPS.join()]) {
    runInChild(srcDir, destDir, ops)
    assert.deepEqual(rowsOf(hiveOf(destDir)), once)
    const again = readMigrationLog(destDir)?.filter(({ migrop, key }) => migrop !== 'triggers' || key !== 'tottriggers')
    assert.deepEqual(again, log)
  }
})

test('each op of the cell steps alone changes its part only', async (t) => {
  const srcDir = unpack('source/cell.tar.gz', join(tempDir(t), 'src'))
  const source = hiveOf(srcDir)
  const changed: [MigrOp, RegExp][] = [
    ['cell', /^(cellinfo\/cortex:version|cortex\/views\/[0-9a-f]+\/(owner|creator))$/],
    ['hivelyr', /^(cortex|migr)\/layers\//],
    ['triggers', /^cortex\/views\/[0-9a-f]+\/triggers\//],
    ['cron', /^agenda\/appts\//],
    ['hiveauth', /^auth(01x)?(\/|$)/],
    ['queues', /^$/],
  ]
  for (const [op, where] of changed) {
    const { destDir } = await migrated(t, srcDir, ['dirn', op])
    const [before, after] = [rowsOf(source), rowsOf(hiveOf(destDir))]
    for (const path of new Set([...before.keys(), ...after.keys()])) {
      if (before.get(path) !== after.get(path)) assert.match(path, where, op)
    }
  }
})

test('the cell step keeps base options, notes dedicated and moves boot.yaml away (D19)', async (t) => {
  const srcDir = unpack('bad/cellyaml-old/src.tar.gz', join(tempDir(t), 'src'))
  writeFileSync(join(srcDir, 'cell.yaml'), 'storm:log: on\nauth:passwd: "yes"\ndedicated: true\nmodules:\n- [a.b, {c: 1}]\n')
  writeFileSync(join(srcDir, 'boot.yaml'), 'auth:admin: root:secret\n')
  const { destDir, lines } = await migrated(t, srcDir)
  assert.equal(
    readFileSync(join(destDir, 'cell.yaml'), 'utf8'),
    '---\nauth:passwd: "yes"\nmodules:\n- - a.b\n  - c: 1\nstorm:log: true\n...\n',
  )
  assert.ok(lines.includes("INFO Completed cell migration, removed deprecated confdefs: ['dedicated']"))
  assert.ok(lines.includes('WARNING boot.yaml is deprecated; to keep auth move password to auth:passwd in cell.yaml'))
  assert.equal(readFileSync(join(destDir, 'migration', 'boot.yaml'), 'utf8'), 'auth:admin: root:secret\n')
  assert.ok(!existsSync(join(destDir, 'boot.yaml')))
  assert.equal(hiveOf(destDir).get(['cortex', 'layers', LAYER, 'lockmemory']), true)
  const log = readMigrationLog(destDir) ?? []
  assert.deepEqual(log.filter(({ migrop }) => migrop === 'cell'), [
    { migrop: 'cell', logtyp: 'conf', key: 'dedicated', val: true },
    { migrop: 'cell', logtyp: 'error', key: 'bootyaml_authadmin', val: NOW },
    { migrop: 'cell', logtyp: 'prog', key: 'none', val: NOW },
  ])
}) // biome-ignore format: a list

test('empty YAML files do not end the cell step (D19)', async (t) => {
  const srcDir = unpack('bad/cellyaml-empty/src.tar.gz', join(tempDir(t), 'src'))
  writeFileSync(join(srcDir, 'boot.yaml'), '')
  const { destDir } = await migrated(t, srcDir)
  assert.equal(readFileSync(join(destDir, 'cell.yaml'), 'utf8'), '--- {}\n...\n')
  assert.ok(existsSync(join(destDir, 'migration', 'boot.yaml')))
})

test('users without values, empty rules, unknown roles, users and owners end no step (D16, D18)', async (t) => {
  for (const name of [
    'user-nokids',
    'rule-empty',
    'role-unknown',
    'gate-unknownuser',
    'gate-unknownrole',
    'layerowner-missing',
  ]) {
    const { destDir, lines } = await migrated(t, `bad/${name}/src.tar.gz`)
    const hive = hiveOf(destDir)
    const users = hive.children(['auth', 'users'])
    const all = roleNamed(hive, 'all')
    for (const user of users) assert.ok((hive.get(['auth', 'users', user, 'roles']) as Value[]).includes(all), name)
    assert.ok(users.includes(String(hive.get(['cortex', 'layers', LAYER, 'creator']))), name)
    if (name !== 'user-nokids' && name !== 'rule-empty') assert.match(lines.join('\n'), /^(WARNING|ERROR) Unable to /m)
  }
})

test('the triggers step takes triggers without view to the default view and reports the others', async (t) => {
  const { destDir, lines, errorCount } = await migrated(t, 'bad/trigger-noview/src.tar.gz')
  assert.equal(errorCount, 1)
  const found = triggersOf(hiveOf(destDir)).map(([, iden]) => iden)
  assert.ok(found.includes('1'.repeat(32)) && found.includes('2'.repeat(32)) && !found.includes('3'.repeat(32)))
  const log = readMigrationLog(destDir) ?? []
  const errors = log.filter(({ migrop, logtyp }) => migrop === 'triggers' && logtyp === 'error')
  assert.deepEqual(errors.map(({ key }) => key), ['3'.repeat(32)])
  assert.match(lines.join('\n'), /^WARNING \{'err': 'Trigger is for a view that does not exist', 'rule': \{'/m)
  const left = SlabReader.open(join(destDir, 'slabs', 'cell.lmdb'))
  assert.equal(left.db('triggers')?.entries, 1)
  left.close()
}) // biome-ignore format: a list

test('the hiveauth step reports queues without an owner as the reference does', async (t) => {
  const { destDir, errorCount } = await migrated(t, 'bad/queue-bad/src.tar.gz')
  assert.equal(errorCount, 2)
  const log = readMigrationLog(destDir) ?? []
  const errors = log.filter(({ migrop, logtyp }) => migrop === 'hiveauth' && logtyp === 'error')
  assert.deepEqual(errors.map(({ key }) => key), ['queue:q1', 'queue:q2'])
  const queue = (name: string, meta: [Value, Value][]) =>
    new PackMap([['name', name], ['meta', new PackMap(meta)], ['size', null], ['offs', null]])
  assert.deepEqual(errors.map(({ val }) => val), [
    new PackMap([['err', 'Missing iden values for queue'], ['queue', queue('q1', [])], ['code', 'OWNER']]),
    new PackMap([['err', 'Missing iden values for queue'], ['queue', queue('q2', [['user', null]])], ['code', 'OWNER']]),
  ])
}) // biome-ignore format: a list

test('copyDirn() replaces everything but layers, nexus log and migration, and leaves the source as it is', async (t) => {
  const dir = tempDir(t)
  const srcDir = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const destDir = join(dir, 'new', 'dest')
  for (const name of ['certs', 'slabs/tmp', 'certs/sock', 'lost+found']) mkdirSync(join(srcDir, name), { recursive: true })
  writeFileSync(join(srcDir, 'certs', 'a.crt'), 'cert')
  symlinkSync(join(srcDir, 'nowhere'), join(srcDir, 'dangling'))
  const server = createServer().listen(join(srcDir, 'sock'))
  t.after(() => server.close())
  for (const name of [`layers/${LAYER}`, 'certs', 'slabs/old.lmdb', 'slabs/nexus.lmdb', 'migration', 'axon/old', 'other']) {
    mkdirSync(join(destDir, name), { recursive: true })
    writeFileSync(join(destDir, name, 'mine'), 'x')
  }
  const before = digestTree(srcDir)
  const lines: string[] = []
  const { axon } = await copyDirn({ srcDir, destDir, layers: [LAYER], log: (level, text) => lines.push(`${level} ${text}`) })
  await axon
  assert.deepEqual(digestTree(srcDir), before)
  assert.deepEqual(
    listTree(destDir),
    [
      'axon/axon.lmdb/data.mdb', 'axon/axon.opts.yaml', 'axon/blob.lmdb/data.mdb', 'axon/blob.opts.yaml', 'axon/cell.guid',
      'axon/cookie.secret', 'axon/slabs/cell.lmdb/data.mdb', 'axon/slabs/cell.opts.yaml', 'cell.guid', 'certs/a.crt',
      'cookie.secret', `layers/${LAYER}/mine`, 'migration/mine', 'other/mine', 'slabs/cell.lmdb/data.mdb',
      'slabs/cell.opts.yaml', 'slabs/nexus.lmdb/mine', 'slabs/prov.lmdb/data.mdb', 'slabs/prov.opts.yaml',
      'slabs/queues.lmdb/data.mdb', 'slabs/queues.opts.yaml',
    ],
  )
  assert.ok(lines.includes(`INFO Layer dir exists, leaving as-is: ${LAYER}`))
}) // biome-ignore format: a list

test('writeOffsets() and writeVersions() write what the reference writes', async (t) => {
  const destDir = tempDir(t)
  const migrlog = await MigrationLog.open(destDir)
  const context = { destDir, migrlog, log: () => undefined, ops: new Set<MigrOp>(['dirn', 'cell']) }
  writeOffsets(context)
  assert.equal(readFileSync(join(destDir, 'migration', 'lyroffs.yaml'), 'utf8'), '--- {}\n...\n')
  migrlog.put(
    { migrop: 'nodes', logtyp: 'nextoffs', key: 'e1a9ed4a4ead2378fed8c2faaef427da', val: [2, 1795357912579] },
    { migrop: 'nodes', logtyp: 'nextoffs', key: 'c570544f6d8ccf28cc01beedbb8d7775', val: [240, 1795357912551] },
    { migrop: 'nodes', logtyp: 'vers', key: 'c570544f6d8ccf28cc01beedbb8d7775', val: [0, 1, 3] },
    { migrop: 'chkvalid', logtyp: 'vers', key: 'src:cortex', val: [0, 1, 56] },
  )
  writeOffsets(context)
  assert.equal(
    readFileSync(join(destDir, 'migration', 'lyroffs.yaml'), 'utf8'),
    '---\nc570544f6d8ccf28cc01beedbb8d7775:\n  created: 1795357912551\n  nextoffs: 240\n' +
      'e1a9ed4a4ead2378fed8c2faaef427da:\n  created: 1795357912579\n  nextoffs: 2\n...\n',
  )
  const path = join(destDir, 'migration', 'migrvers.yaml')
  // As the reference leaves it, with an anchor; another step of an earlier run stays.
  writeFileSync(
    path,
    '---\ndest:cortex:\n  cell: &id001\n  - 9\n  - 9\n  - 9\n  cron: *id001\nsrc:cortex: null\nsrc:model: {}\n...\n',
  )
  writeVersions(context)
  const list = (indent: string, ...parts: number[]) => parts.map((part) => `${indent}- ${part}\n`).join('')
  assert.equal(
    readFileSync(path, 'utf8'),
    `---\ndest:cortex:\n  cell:\n${list('  ', 0, 2, 0)}  cron:\n${list('  ', 9, 9, 9)}  dirn:\n${list('  ', 0, 2, 0)}` +
      `src:cortex:\n${list('', 0, 1, 56)}src:model:\n  c570544f6d8ccf28cc01beedbb8d7775:\n${list('  ', 0, 1, 3)}...\n`,
  )
  await migrlog.close()
})

/** Runs the steps on a fixture, or on a directory, into a new destination. */
async function migrated(t: TestContext, source: string, ops: readonly MigrOp[] = MIGR_OPS): Promise<Run> {
  const dir = tempDir(t)
  const srcDir = source.endsWith('.tar.gz') ? unpack(source, join(dir, 'src')) : source
  const destDir = join(dir, 'dest')
  const lines: string[] = []
  const log = (level: string, text: string) => void lines.push(`${level} ${text}`)
  const layers = readSource(srcDir).layers.map(({ iden }) => iden)
  const context = { srcDir, destDir, ops: new Set(ops), layers, log, now: () => NOW }
  const { axon } = await copyDirn(context)
  await axon
  const migrlog = await MigrationLog.open(destDir)
  const errorCount = await runCellSteps({ ...context, migrlog, modelWarnings: [], destDedicated: false })
  await migrlog.close()
  return { srcDir, destDir, lines, errorCount }
}

/** A slab is opened once in a process: a further run is a further process. */
function runInChild(srcDir: string, destDir: string, ops: string): void {
  const url = (name: string) => JSON.stringify(new URL(`../../src/${name}.js`, import.meta.url).href)
  const code = `import { copyDirn } from ${url('step/dirn')}
    import { MigrationLog } from ${url('dest/migration-log')}
    import { readSource } from ${url('source/cortex-dir')}
    import { runCellSteps } from ${url('step/run-cell-steps')}
    const [srcDir, destDir] = ${JSON.stringify([srcDir, destDir])}
    const ops = new Set('${ops}'.split(','))
    const layers = readSource(srcDir).layers.map(({ iden }) => iden)
    const context = { srcDir, destDir, ops, layers, log: () => undefined, now: () => ${NOW} }
    if (ops.has('dirn')) await (await copyDirn(context)).axon
    const migrlog = await MigrationLog.open(destDir)
    await runCellSteps({ ...context, migrlog, modelWarnings: [], destDedicated: false })
    await migrlog.close()`
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' })
  assert.equal(child.status, 0, child.stderr)
}

function hiveOf(dir: string): Hive {
  const slab = SlabReader.open(join(dir, 'slabs', 'cell.lmdb'))
  const hive = Hive.from(slab.db('hive')?.rows() ?? [])
  slab.close()
  return copyOf(hive)
}

/** Lines of `[path, value in hex]`. */
function referenceHive(name: string): Hive {
  const hive = Hive.from([])
  for (const [path, value] of JSON.parse(readFileSync(fixture(name), 'utf8')) as [string, string][]) {
    hive.set(path.split('/'), decode(Buffer.from(value, 'hex')))
  }
  return hive
}

/** As a hive that is all new, so that its changes are all its rows. */
function copyOf(hive: Hive): Hive {
  const copy = Hive.from([])
  const walk = (path: string[]): void => {
    const value = hive.get(path)
    if (value !== undefined) copy.set(path, value)
    for (const name of hive.children(path)) walk([...path, name])
  }
  walk([])
  return copy
}

function rowsOf(hive: Hive, rename = new Map<string, string>()): Map<string, string> {
  const renamed = (text: string) => [...rename].reduce((all, [from, to]) => all.replaceAll(from, to), text)
  const rows = hive
    .changes()
    .puts.map(({ key, value }): [string, string] => [
      renamed(Buffer.from(key).toString('utf8').replaceAll('\0', '/')),
      renamed(Buffer.from(value).toString('latin1')),
    ])
  return new Map(rows.sort(([a], [b]) => (a < b ? -1 : 1)))
}

function roleNamed(hive: Hive, name: string): string {
  const found = hive.children(['auth', 'roles']).find((iden) => hive.get(['auth', 'roles', iden]) === name)
  assert.ok(found, `role ${name}`)
  return found
}

function triggersOf(hive: Hive): [view: string, iden: string, tdef: PackMap][] {
  return hive.children(['cortex', 'views']).flatMap((view) => {
    const path = ['cortex', 'views', view, 'triggers']
    return hive
      .children(path)
      .map((iden): [string, string, PackMap] => [view, iden, hive.get([...path, iden]) as PackMap])
  })
}

function equalButIden(a: PackMap, b: PackMap): boolean {
  const rest = (map: PackMap) => Buffer.from(encode(map.entries.filter(([name]) => name !== 'iden')))
  return rest(a).equals(rest(b))
}

/** Queue name -> its items by offset, through the names that `numbers` gives to the numbers of the items. */
function queueItems(dir: string, numbers: string): Map<string, string[]> {
  const slab = SlabReader.open(join(dir, 'slabs', 'queues.lmdb'))
  const names = [...(slab.db(`cortex:queue:abrv:${numbers}`)?.rows() ?? [])]
  const items = [...(slab.db('cortex:queue:qdata')?.rows() ?? [])].map(({ key, value }) => [hex(key), hex(value)])
  slab.close()
  return new Map(
    names.map(({ key, value }) => {
      const mine = items.filter(([place]) => place.startsWith(hex(value)))
      return [Buffer.from(key).toString('utf8'), mine.map(([place, item]) => `${place.slice(16)}=${item}`)]
    }),
  )
}

function listTree(dir: string, below = ''): string[] {
  const entries = readdirSync(join(dir, below), { withFileTypes: true })
  return entries
    .flatMap((entry) => {
      const path = below === '' ? entry.name : `${below}/${entry.name}`
      return entry.isDirectory() ? listTree(dir, path) : [path]
    })
    .sort()
}

function digestTree(dir: string): string[] {
  return listTree(dir).map((path) => {
    const isFile = statSync(join(dir, path), { throwIfNoEntry: false })?.isFile()
    const content = isFile ? readFileSync(join(dir, path)) : ''
    return `${path} ${createHash('sha256').update(content).digest('hex')}`
  })
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

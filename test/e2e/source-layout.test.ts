import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { encode } from '../../src/bytes/msgpack.js'
import { MigrationError } from '../../src/errors.js'
import { countForms } from '../../src/inspect/form-counts.js'
import { inspectCortex } from '../../src/inspect/inspect-cortex.js'
import { type Finding, type Preflight, type PreflightOptions, preflight } from '../../src/preflight/preflight.js'
import { readSource } from '../../src/source/cortex-dir.js'
import { copyCortex, migrate, synapseMigrator, tempDir, unpack } from '../support/cortex.js'
import { dumpCortex } from '../support/dump.js'
import { plant, put, rowsOf } from '../support/plant.js'
import { PREFLIGHT_OPTIONS } from '../support/preflight-options.js'

const LAYER = 'da202ae99a55194da2d4b96eb84a754b'
const OTHER = 'ab'.repeat(16)

test('links at every level of a source are followed: same layers, nothing left out, verify and counts agree', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  assert.equal(migrate('--src', src, '--dest', dest).status, 0)
  const expected = layerRows(dest)
  const moves = [
    [''],
    ['layers', 'slabs', 'axon'],
    [`layers/${LAYER}`, 'slabs/cell.lmdb', 'slabs/queues.lmdb/data.mdb', 'cell.guid'],
    [`layers/${LAYER}/layer.lmdb`, `layers/${LAYER}/nodedata.lmdb`, `layers/${LAYER}/splices.lmdb/data.mdb`],
  ]
  for (const [i, paths] of moves.entries()) {
    const linked = copyCortex(src, join(dir, `linked${i}`))
    for (const [k, path] of paths.entries()) {
      const away = join(dir, `disk${i}-${k}`)
      renameSync(join(linked, path), away)
      symlinkSync(away, `${away}-link`)
      symlinkSync(`${away}-link`, join(linked, path).replace(/\/$/, ''))
    }
    const { status, stdout, stderr } = migrate('--src', linked, '--dest', join(dir, `dest${i}`), '--verify')
    assert.deepEqual([status, /\nNo differences/.test(stdout), /WARNING/.test(stderr)], [0, true, false], `${paths}`)
    assert.deepEqual(layerRows(join(dir, `dest${i}`)), expected, `${paths}`)
    assert.deepEqual(countForms(linked, dest), countForms(src, dest), `${paths}`)
    assert.deepEqual(statesOf(linked), [[LAYER, 'known', 23]], `${paths}`)
  }
})

test('a layer that is named and cannot be found is refused with 4 by all commands, with its views and the reason', async (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const good = join(dir, 'good')
  assert.equal(migrate('--src', src, '--dest', good).status, 0)
  const layer = join(src, 'layers', LAYER)
  renameSync(layer, join(dir, 'aside'))
  const ways: [() => void, RegExp][] = [
    [() => undefined, /there is no directory ".*layers.da20/],
    [() => symlinkSync('/mnt/none', layer), /".*" is a link to "\/mnt\/none", which does not exist/],
    [() => symlinkSync(LAYER, layer), /".*" is a link that leads back to itself/],
    [() => writeFileSync(layer, ''), /there is no directory ".*layers.da20/],
  ]
  for (const [make, reason] of ways) {
    rmSync(layer, { force: true })
    make()
    const [{ text, hint }, ...others] = (await checked(src, join(dir, 'new'))).problems
    assert.match(text, new RegExp(`^Cannot find layer ${LAYER}, which is used by view [0-9a-f]{32}: ${reason.source}`))
    assert.match(hint, new RegExp(`add --skip-layer ${LAYER}`))
    assert.deepEqual(others, [])
    assert.deepEqual(statesOf(src), [[LAYER, 'missing', null]])
  }
  for (const { status, stderr } of [
    migrate('--src', src, '--dest', join(dir, 'new')),
    migrate('--src', src, '--form-counts'),
    synapseMigrator(['verify', '--src', src, '--dest', good]),
  ]) {
    assert.equal(status, 4, stderr)
    assert.equal(stderr.split(`error: Cannot find layer ${LAYER}`).length, 2, stderr)
  }
  assert.equal(existsSync(join(dir, 'new')), false)
})

test('--skip-layer leaves a layer empty: its views keep it, and verify says what it has not compared', async (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  // One layer that no view uses, one that only a view knows.
  const cell = join(src, 'slabs', 'cell.lmdb')
  plant(cell, [
    put('hive', hiveKey('cortex', 'layers', OTHER, 'type'), encode('lmdb')),
    put('hive', hiveKey('cortex', 'views', 'cd'.repeat(16), 'layers'), encode([OTHER.replaceAll('a', 'e'), LAYER])),
  ])
  rmSync(join(src, 'layers', LAYER), { recursive: true })
  const missing = [LAYER, OTHER, OTHER.replaceAll('a', 'e')]
  const refused = (await checked(src, join(dir, 'dest'))).problems.map(({ text }) => text)
  assert.equal(refused.length, 3)
  assert.match(refused[0], new RegExp(`${OTHER}, which no view uses:`))
  assert.match(refused[1], new RegExp(`${LAYER}, which is used by views [0-9a-f]{32}, [0-9a-f]{32}:`))
  assert.match(refused[2], new RegExp(`${missing[2]}, which is used by view (cd){16}:`))
  assert.equal((await checked(src, join(dir, 'dest'), { skipLayers: missing.slice(1) })).problems.length, 1)
  const mistyped = await checked(src, join(dir, 'dest'), { skipLayers: [...missing, 'ff'] })
  assert.match(mistyped.problems[0].text, /^Cannot skip layer ff: /)
  const skips = missing.flatMap((iden) => ['--skip-layer', iden])
  const done = migrate('--src', src, '--dest', join(dir, 'dest'), ...skips)
  assert.equal(done.status, 0, done.stderr)
  for (const iden of missing) assert.match(done.stdout, new RegExp(`leaves layer ${iden} empty`))
  const { layers, views } = inspected(join(dir, 'dest'))
  assert.deepEqual(
    layers.map(({ iden, state }) => [iden, state]),
    [...missing].sort().map((iden) => [iden, 'known']),
  )
  assert.deepEqual(views.map((view) => view.layers.length).sort(), [1, 2])
  const verified = synapseMigrator(['verify', '--src', src, '--dest', join(dir, 'dest')])
  assert.equal(verified.status, 0, verified.stderr + verified.stdout)
  for (const iden of missing) assert.match(verified.stderr + verified.stdout, new RegExp(`compared: layer ${iden}`, 'i'))
}) // biome-ignore format: short enough

test('a source whose hive knows no layer is refused', async (t) => {
  const dir = tempDir(t)
  const src = unpack('source/no-layers-known.tar.gz', join(dir, 'src'))
  for (const orphanLayers of [false, true]) {
    const { problems } = await checked(src, join(dir, 'dest'), { orphanLayers })
    assert.deepEqual([problems.length, /its hive knows no layer$/.test(problems[0].text)], [1, true])
  }
})

test('Cortex, views and layers of one iden are refused', async (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const [view] = inspected(src).views
  const [dest, problems] = [join(dir, 'dest'), async () => (await checked(src, dest)).problems.map(({ text }) => text)]
  for (const [iden, what] of [[LAYER, 'Layer'], [view.iden, 'View']]) {
    writeFileSync(join(src, 'cell.guid'), iden)
    assert.deepEqual(await problems(), [`${what} ${iden} has the iden of the Cortex, which does not work in 2.x`])
  }
  writeFileSync(join(src, 'cell.guid'), OTHER)
  assert.deepEqual(await problems(), [])
  plant(join(src, 'slabs', 'cell.lmdb'), [put('hive', hiveKey('cortex', 'views', LAYER, 'layers'), encode([LAYER]))])
  assert.deepEqual(await problems(), [`View ${LAYER} has the iden of a layer, which does not work in 2.x`])
}) // biome-ignore format: a table

test('names that are not UTF-8 are copied, slabs below them too, also a second time', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const odd = (...names: string[]) => Buffer.from(names.join('/'), 'latin1')
  mkdirSync(odd(src, 'certs'))
  writeFileSync(odd(src, 'certs', 'caf\xe9.crt'), 'one')
  mkdirSync(odd(src, 'dir\xe9', 'deep\xff'), { recursive: true })
  writeFileSync(odd(src, 'dir\xe9', 'deep\xff', 'f'), 'two')
  writeFileSync(odd(src, '\xfe'), 'three')
  cpSync(join(src, 'slabs', 'queues.lmdb'), join(src, 'slabs', 'x.lmdb'), { recursive: true })
  renameSync(join(src, 'slabs', 'x.lmdb'), odd(src, 'slabs', 'x\xe9.lmdb'))
  renameSync(odd(src, 'slabs', 'x\xe9.lmdb'), odd(src, 'dir\xe9', 'x\xe9.lmdb'))
  const dest = join(dir, 'dest')
  const all = (of: string) =>
    names(Buffer.from(of)).filter((name) => !/^(layers|migration|slabs.nexus|.*lock\.mdb|.*opts\.yaml)/.test(name))
  for (const more of [[], ['--from-last']]) {
    const { status, stderr } = migrate('--src', src, '--dest', dest, ...more)
    assert.equal(status, 0, stderr)
    assert.deepEqual(all(dest), all(src))
  }
  assert.ok(all(dest).includes('dir\xe9/x\xe9.lmdb/data.mdb'))
})

test('links that lead nowhere or back are named where they are left out, and refused where a slab should be', async (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  mkdirSync(join(src, 'one'))
  mkdirSync(join(src, 'two'))
  symlinkSync('../two', join(src, 'one', 'to-two'))
  symlinkSync('../one', join(src, 'two', 'to-one'))
  symlinkSync('gone', join(src, 'two', 'lost'))
  const { problems, warnings } = await checked(src, join(dir, 'dest'))
  assert.deepEqual(problems, [])
  assert.deepEqual(warnings.map(({ text }) => text.replaceAll(src, 'SRC')), [
    '"SRC/one/to-two/lost" is a link to "gone", which does not exist: it is left out',
    '"SRC/one/to-two/to-one" is a link to a directory that it lies in: it is left out',
    '"SRC/two/lost" is a link to "gone", which does not exist: it is left out',
    '"SRC/two/to-one/to-two" is a link to a directory that it lies in: it is left out',
  ])
  assert.equal(migrate('--src', src, '--dest', join(dir, 'dest')).status, 0)
  assert.deepEqual(readdirSync(join(dir, 'dest', 'one', 'to-two')), [])
  for (const slab of ['slabs/queues.lmdb', `layers/${LAYER}/nodedata.lmdb`, `layers/${LAYER}/splices.lmdb`, 'cell.yaml']) {
    if (slab !== 'cell.yaml') renameSync(join(src, slab), join(dir, 'aside'))
    symlinkSync('/mnt/none', join(src, slab))
    const [{ text }, ...others] = (await checked(src, join(dir, 'new'))).problems
    assert.match(text, /is a link to "\/mnt\/none", which does not exist$/)
    assert.deepEqual(others, [])
    rmSync(join(src, slab))
    if (slab !== 'cell.yaml') renameSync(join(dir, 'aside'), join(src, slab))
  }
}) // biome-ignore format: lists

test('a layer that is a link to the slab of another one is named by preflight', async (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const warnings = async () => (await checked(src, join(dir, 'dest'), { orphanLayers: true })).warnings
  const known = (await warnings()).length
  for (const slabs of [['layer', 'nodedata', 'splices'], ['splices']]) {
    const other = join(src, 'layers', OTHER)
    if (slabs.length === 3) symlinkSync(LAYER, other)
    else {
      cpSync(join(src, 'layers', LAYER), other, { recursive: true })
      rmSync(join(other, 'splices.lmdb', 'data.mdb'))
      symlinkSync(`../../${LAYER}/splices.lmdb/data.mdb`, join(other, 'splices.lmdb', 'data.mdb'))
    }
    const texts = (await warnings()).map(({ text }) => text)
    const shared = texts.filter((text) => text.endsWith('are one file: each is migrated with all that is in it'))
    assert.deepEqual(
      shared.map((text) => text.split(' are one file')[0]),
      slabs.map((slab) => `${slab}.lmdb of layer ${OTHER} and ${slab}.lmdb of layer ${LAYER}`),
    )
    assert.equal(texts.length, known + slabs.length)
    rmSync(other, { recursive: true })
  }
})

test('a pipe or a directory in place of a text file of the source is named, and not waited for', async (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  for (const name of ['cell.yaml', 'boot.yaml', 'cell.guid']) {
    const path = join(src, name)
    rmSync(path, { force: true })
    for (const make of [() => assert.equal(spawnSync('mkfifo', [path]).status, 0), () => mkdirSync(path)]) {
      make()
      const runs = [
        synapseMigrator(['inspect', src]),
        synapseMigrator(['preflight', '--src', src, '--dest', join(dir, 'dest')]),
        migrate('--src', src, '--dest', join(dir, 'dest')),
      ]
      // What is in boot.yaml is nothing that inspect tells.
      const told = name === 'boot.yaml' ? runs.slice(1) : runs
      for (const { status, stdout, stderr } of told) {
        assert.ok(status === 4 || status === 5, `${name}: ${status} ${stderr}`)
        assert.ok(`${stdout}${stderr}`.includes(`${name}": it is not a regular file`), `${name}: ${stdout}${stderr}`)
      }
      rmSync(path, { recursive: true })
    }
  }
})

test('what this user may not read is said to be closed, and whose it is, never to be absent', (t) => {
  const dir = tempDir(t)
  chmodSync(dir, 0o755)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  spawnSync('chmod', ['-R', 'a+rX', src])
  const layer = `layers/${LAYER}`
  const closed = ['', 'slabs', 'slabs/cell.lmdb', 'slabs/cell.lmdb/data.mdb', 'cell.guid', 'layers', layer, `${layer}/layer.lmdb`, `${layer}/nodedata.lmdb`, `${layer}/splices.lmdb/data.mdb`]
  const copied = ['slabs/queues.lmdb/data.mdb', 'axon', 'axon/blob.lmdb', 'cookie.secret']
  const dirs = [...closed, ...copied].map((name, i) => [copyCortex(src, join(dir, `closed${i}`)), name])
  for (const [copy, name] of dirs) chmodSync(join(copy, name), 0)
  const script = fileURLToPath(new URL('../support/read-closed.js', import.meta.url))
  const { stdout, stderr } = spawnSync(process.execPath, [script, ...dirs.map(([copy]) => copy)], { encoding: 'utf8' })
  for (const [copy, name] of dirs) chmodSync(join(copy, name), 0o755)
  const { uid, said } = JSON.parse(stdout || stderr) as { uid: number; said: Record<string, Record<string, string>> }
  for (const [copy, name] of dirs) {
    const path = join(copy, name).replace(/\/$/, '')
    const reason = `user ${uid} may not read "${path}", owned by ${process.getuid?.()} (mode 0000)`
    for (const way of ['preflight', ...(copied.includes(name) || name.includes('splices') ? [] : ['inspect'])]) {
      assert.ok(said[copy][way].includes(reason), `${way} of ${name}: ${said[copy][way]}`)
      assert.doesNotMatch(said[copy][way], /there is no |does not exist| {4}at /, `${way} of ${name}`)
      assert.equal(said[copy][way].split('may not read').length, 2, `${way} of ${name}: ${said[copy][way]}`)
    }
  }
}) // biome-ignore format: lists

test('users without a name, or with one that is not text, stay as they are, and a fresh migration passes verify', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const [unnamed, nameless, numbered] = ['e1', 'e2', 'e3'].map((byte) => byte.repeat(16))
  plant(join(src, 'slabs', 'cell.lmdb'), [
    put('hive', hiveKey('auth', 'users', unnamed, 'admin'), encode(true)),
    put('hive', hiveKey('auth', 'users', unnamed, 'rules'), encode([[true, ['node:add']]])),
    put('hive', hiveKey('auth', 'users', nameless), encode(null)),
    put('hive', hiveKey('auth', 'users', nameless, 'profile', 'x'), encode('y')),
    put('hive', hiveKey('auth', 'users', numbered), encode(7)),
  ])
  const dest = join(dir, 'dest')
  const { status, stdout, stderr } = migrate('--src', src, '--dest', dest, '--verify')
  assert.deepEqual([status, /\nNo differences/.test(stdout)], [0, true], stdout)
  for (const iden of [unnamed, nameless, numbered]) assert.match(stderr, new RegExp(`match user iden to name: ${iden}`))
  const rows = rowsOf(join(dest, 'slabs', 'cell.lmdb'), 'hive').map(({ key }) => Buffer.from(key).toString())
  for (const path of [`${unnamed}\0rules`, nameless, `${nameless}\0profile\0x`, numbered]) {
    assert.ok(rows.includes(`auth\0users\0${path}`), path)
  }
})

test('what is no 0.1.x Cortex is refused with one error, the true one, and its one hint', async (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  assert.equal(migrate('--src', src, '--dest', dest).status, 0)
  const path = (name: string) => join(dir, name)
  mkdirSync(path('empty'))
  mkdirSync(path('outer'))
  copyCortex(src, path('outer'))
  cpSync(join(src, 'axon'), path('axon'), { recursive: true })
  writeFileSync(path('file'), 'x')
  writeFileSync(path('backup.tgz'), Buffer.from('1f8b08', 'hex'))
  const cases: [string, string, RegExp, RegExp][] = [
    [path('none'), path('new'), /it does not exist/, /directory of a 0\.1\.x Cortex/],
    [path('empty'), path('new'), /it is empty/, /mount its disk/],
    [path('file'), path('new'), /it is not a directory/, /directory of a 0\.1\.x Cortex/],
    [path('backup.tgz'), path('new'), /it is an archive/, /Unpack it/],
    [path('axon'), path('new'), /it is an Axon, not a Cortex/, /directory of a 0\.1\.x Cortex/],
    [path('outer'), path('new'), /there is no slab "slabs\/cell\.lmdb" in it/, /outer\/src" holds a Cortex: give that/],
    [join(src, 'slabs', 'cell.lmdb'), path('new'), /it is a slab/, /directory of a 0\.1\.x Cortex/],
    [dest, path('new'), /it is a Cortex of version \(0, 2, 0\) already/, /directory of a 0\.1\.x Cortex/],
    [dest, src, /it is a Cortex of version \(0, 2, 0\) already/, /swap --src and --dest/],
    [path('none'), src, /it does not exist/, /swap the two/],
    [path('empty'), src, /it is empty/, /swap the two/],
  ]
  for (const [from, to, found, hint] of cases) {
    const [problem, ...others] = await refusals(from, to)
    assert.match(problem.text, found)
    assert.match(problem.hint, hint)
    assert.deepEqual(others, [], from)
  }
  const { status, stderr } = synapseMigrator(['verify', '--src', dest, '--dest', src])
  assert.deepEqual([status, /swap the two/.test(stderr)], [4, true], stderr)
  assert.equal(existsSync(path('new')), false)
}) // biome-ignore format: a table

function checked(srcDir: string, destDir: string, overrides: Partial<PreflightOptions> = {}): Promise<Preflight> {
  return preflight(readSource(srcDir, destDir), { ...PREFLIGHT_OPTIONS, destDir, ...overrides })
}

/** What a migration would be refused with, thrown or found. */
async function refusals(srcDir: string, destDir: string): Promise<readonly Finding[]> {
  try {
    return (await checked(srcDir, destDir)).problems
  } catch (error) {
    if (error instanceof MigrationError) return [{ text: error.message, hint: error.hint ?? '' }]
    throw error
  }
}

function inspected(dir: string) {
  return inspectCortex(dir, { countNodes: true, progress: () => undefined })
}

function statesOf(dir: string) {
  return inspected(dir).layers.map(({ iden, state, nodes }) => [iden, state, nodes])
}

function layerRows(dest: string): string[] {
  return dumpCortex(dest).filter((line) => line.startsWith('layers/'))
}

function hiveKey(...path: string[]): Buffer {
  return Buffer.from(path.join('\0'))
}

/** All files below a directory, a character for each byte. */
function names(dir: Buffer): string[] {
  return readdirSync(dir, { encoding: 'buffer' }).flatMap((name) => {
    const path = Buffer.concat([dir, Buffer.from('/'), name])
    let below: string[]
    try {
      below = names(path)
    } catch {
      return [name.toString('latin1')]
    }
    return below.map((inner) => `${name.toString('latin1')}/${inner}`)
  }).sort()
} // biome-ignore format: short enough

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { cortexPaths } from '../../src/layout/paths.js'
import { type Preflight, type PreflightOptions, preflight } from '../../src/preflight/preflight.js'
import { Slab } from '../../src/slab/slab.js'
import { readSource } from '../../src/source/cortex-dir.js'
import { alterByte } from '../support/alter-value.js'
import { tempDir, unpack } from '../support/cortex.js'
import { PREFLIGHT_OPTIONS } from '../support/preflight-options.js'

const LAYER = 'da202ae99a55194da2d4b96eb84a754b'

test('preflight() finds nothing on a good Cortex and chooses its layers', async (t) => {
  const found = await check(unpack('bad/intact/src.tar.gz', tempDir(t)), join(tempDir(t), 'new', 'dest'))
  assert.deepEqual([found.problems, found.warnings, found.layers], [[], [], [LAYER]])
})

test('preflight() refuses a layer of a later model version than 0.1.58 knows', async (t) => {
  const src = unpack('bad/wrongversion/src.tar.gz', tempDir(t))
  raiseModelVersion(src)
  const { problems } = await check(src, join(tempDir(t), 'dest'))
  assert.deepEqual(
    problems.map(({ text }) => text),
    [`Layer ${LAYER} model version must be at latest 01x vers: (0, 1, 4) != (0, 1, 3)`],
  )
})

test('preflight() refuses remote layers and layers without a slab', async (t) => {
  const refused: [string, RegExp, RegExp][] = [
    [
      'remotelayer',
      /^e{32} is a remote layer - it must be unconfigured to proceed with migration$/,
      /Remove layer e{32}/,
    ],
    ['nolayerslab', /^Cannot migrate layer da20.*: there is no .*layer\.lmdb\/data\.mdb$/, /backup/],
  ]
  for (const [name, text, hint] of refused) {
    const found = await check(unpack(`bad/${name}/src.tar.gz`, tempDir(t)), join(tempDir(t), 'dest'))
    assert.equal(found.problems.length, 1, name)
    assert.match(found.problems[0].text, text)
    assert.match(found.problems[0].hint, hint)
  }
})

test('preflight() reports all problems at once', async (t) => {
  const srcDir = unpack('bad/wrongversion/src.tar.gz', tempDir(t))
  raiseModelVersion(srcDir)
  writeFileSync(join(srcDir, 'cell.yaml'), 'a: [')
  writeFileSync(join(srcDir, 'boot.yaml'), '- a\n')
  const found = await check(srcDir, join(srcDir, 'dest'))
  const texts = found.problems.map(({ text }) => text.replaceAll(srcDir, 'SRC'))
  assert.equal(texts[0], 'Cannot migrate "SRC" to "SRC/dest": the destination lies inside the source')
  assert.match(texts[1], /^Layer /)
  assert.match(texts[2], /^Cannot read "SRC\/cell\.yaml": /)
  assert.equal(texts[3], 'Cannot read "SRC/boot.yaml": it holds no map')
  assert.equal(texts.length, 4)
})

test('preflight() refuses source and destination that are the same or nested, links followed (D30)', async (t) => {
  const dir = tempDir(t)
  const srcDir = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  symlinkSync(srcDir, join(dir, 'link'))
  writeFileSync(join(dir, 'file'), '')
  const refused: [string, string][] = [
    [srcDir, 'source and destination are the same directory'],
    [`${srcDir}/../src/`, 'source and destination are the same directory'],
    [join(dir, 'link'), 'source and destination are the same directory'],
    [join(dir, 'link', 'a', 'b'), 'the destination lies inside the source'],
    [dir, 'the source lies inside the destination'],
    [join(dir, 'file'), 'the destination is not a directory'],
  ]
  for (const [destDir, how] of refused) {
    const { problems } = await check(srcDir, destDir)
    assert.equal(problems[0]?.text, `Cannot migrate "${srcDir}" to "${destDir}": ${how}`)
  }
  assert.deepEqual((await check(srcDir, join(dir, 'src2'))).problems, [])
})

test('preflight() leaves layers that another tool has migrated alone without --restart', async (t) => {
  const srcDir = unpack('bad/oldform/src.tar.gz', tempDir(t))
  const destDir = join(unpack('reference/oldform.tar.gz', tempDir(t)), 'dest')
  const [problem, ...others] = (await check(srcDir, destDir)).problems
  assert.match(problem.text, /^Cannot migrate into ".*": another tool has migrated layer da20/)
  assert.match(problem.hint, /--restart/)
  assert.deepEqual(others, [])
  assert.deepEqual((await check(srcDir, destDir, { restart: true })).problems, [])
  assert.deepEqual((await check(srcDir, destDir, { ops: new Set(['cell']) })).problems, [])
  rmSync(join(destDir, 'migration'), { recursive: true })
  const unknown = (await check(srcDir, destDir, { restart: true })).problems
  assert.match(unknown[0].text, /there is no record of who made layer da20/)
})

test('preflight() refuses a destination on which a Cortex has been started (D28)', async (t) => {
  const srcDir = unpack('bad/oldform/src.tar.gz', tempDir(t))
  for (const [release, version] of [['rc18', '0.2.0'], ['280', '2.8.0'], ['latest', '2.256.0']]) {
    const destDir = unpack(`reference/booted-${release}.tar.gz`, tempDir(t))
    const { problems } = await check(srcDir, destDir)
    const texts = problems.map(({ text }) => text)
    assert.deepEqual(texts, [`Cannot migrate into "${destDir}": Synapse ${version} has been started on it, its changes since then would be lost`])
  }
}) // biome-ignore format: a table

test('preflight() takes a destination that has been migrated but not started, and refuses that of another Cortex', async (t) => {
  const destDir = join(unpack('reference/oldform.tar.gz', tempDir(t)), 'dest')
  const cell = await check(unpack('bad/oldform/src.tar.gz', tempDir(t)), destDir, {
    ops: new Set(['dirn', 'cell']),
    restart: true,
  })
  assert.deepEqual(cell.problems, [])
  const { problems } = await check(unpack('source/cell.tar.gz', tempDir(t)), destDir, {
    ops: new Set(['dirn', 'cell']),
  })
  assert.match(
    problems[0].text,
    /^Cannot migrate into ".*": it belongs to the Cortex [0-9a-f]{32}, the source is [0-9a-f]{32}$/,
  )
})

test('preflight() refuses an empty cell.guid, as a power loss leaves it, of source and destination', async (t) => {
  const srcDir = unpack('bad/oldform/src.tar.gz', tempDir(t))
  const destDir = join(unpack('reference/oldform.tar.gz', tempDir(t)), 'dest')
  const texts = async (options: Partial<PreflightOptions> = {}) =>
    (await check(srcDir, destDir, { restart: true, ...options })).problems.map(({ text }) =>
      text.replace(/".*?"/, '""'),
    )
  assert.deepEqual(await texts(), [])
  writeFileSync(join(destDir, 'cell.guid'), '\n')
  assert.deepEqual(await texts(), ['Cannot migrate into "": its cell.guid is empty, so its Cortex is unknown'])
  writeFileSync(join(srcDir, 'cell.guid'), '')
  assert.match((await texts()).join('\n'), /^Unable to read cell guid at .*cell\.guid: the file is empty$/m)
})

test('preflight() refuses steps that need a destination which is not there, or is damaged (A56)', async (t) => {
  const srcDir = unpack('bad/intact/src.tar.gz', tempDir(t))
  const destDir = tempDir(t)
  const options = { ops: new Set(['cell', 'nodes']) }
  const { problems } = await check(srcDir, destDir, options)
  assert.equal(problems[0].text, `Cannot run cell nodes on "${destDir}": there is no Cortex in it`)
  assert.match(problems[0].hint, /dirn/)
  mkdirSync(join(destDir, 'slabs', 'cell.lmdb'), { recursive: true })
  writeFileSync(join(destDir, 'slabs', 'cell.lmdb', 'data.mdb'), Buffer.alloc(9999, 1))
  assert.match((await check(srcDir, destDir, options)).problems[0].text, /^Cannot use destination /)
})

test('preflight() refuses what is no 0.1.x Cortex any more, and reports old ones', async (t) => {
  const booted = unpack('reference/booted-280.tar.gz', tempDir(t))
  mkdirSync(join(booted, 'layers'))
  const { problems } = await check(booted, join(tempDir(t), 'dest'))
  assert.match(problems[0].text, /^Cannot migrate ".*": it is a Cortex of version \(0, 2, 0\) already$/)
  const old = await check(unpack('bad/noversioninfo/src.tar.gz', tempDir(t)), join(tempDir(t), 'dest'))
  assert.deepEqual(old.problems, [])
  assert.deepEqual(texts(old), ['Unable to read src cortex version; consider upgrading before proceeding'])
})

test('preflight() leaves layer directories out that the hive does not know, unless asked for them (D16)', async (t) => {
  const srcDir = unpack('bad/orphan-layerdir/src.tar.gz', tempDir(t))
  mkdirSync(join(srcDir, 'layers', 'lost+found'))
  const found = await check(srcDir, join(tempDir(t), 'dest'))
  assert.deepEqual(found.layers, [LAYER])
  const [orphan] = readSource(srcDir).orphans
  assert.deepEqual(texts(found), [
    `Layer directory ${orphan.iden} is not in the hive, a deleted layer leaves its directory behind: it is left out`,
    `"${join(srcDir, 'layers', 'lost+found')}" is not a layer: it is left out`,
  ])
  const all = await check(srcDir, join(tempDir(t), 'dest'), { orphanLayers: true })
  assert.deepEqual(all.layers, [LAYER, orphan.iden].sort())
  assert.equal(all.warnings.length, 1)
})

test('preflight() reports layers without directory, node data or history, unknown owners and modules', async (t) => {
  const cases: [string, RegExp][] = [
    ['nonodedata', /^Layer da20.* has no slab nodedata\.lmdb: it has no node data$/],
    ['nosplices', /^Layer da20.* has no slab splices\.lmdb: it has no history$/],
    ['layerowner-missing', /^The owner of layer da20.*, .*, is not a user: root becomes its creator$/],
    ['module-missing', /^cell\.yaml names Python modules, whose models are unknown here: nope\.mod\.Nope; nodes of/],
  ]
  for (const [name, text] of cases) {
    const found = await check(unpack(`bad/${name}/src.tar.gz`, tempDir(t)), join(tempDir(t), 'dest'))
    assert.deepEqual(found.problems, [], name)
    assert.equal(found.warnings.length, 1, name)
    assert.match(found.warnings[0].text, text)
  }
  const srcDir = unpack('bad/module-missing/src.tar.gz', tempDir(t))
  const [warning] = (
    await check(srcDir, join(tempDir(t), 'dest'), { modelFiles: [{ types: {}, forms: {}, univs: {}, tagProps: {} }] })
  ).warnings
  assert.match(warning.text, /of their models only what the model files say is known$/)
  rmSync(join(srcDir, 'layers', LAYER), { recursive: true })
  const gone = await check(srcDir, join(tempDir(t), 'dest'))
  assert.match(
    gone.problems[0].text,
    new RegExp(`^Cannot find layer ${LAYER}, which is used by view [0-9a-f]{32}: there is no dir`),
  )
  assert.deepEqual(gone.layers, [])
})

test('preflight() tells in the end which Storm text was not translated, and who may read views', async (t) => {
  const { notes } = await check(unpack('source/cell.tar.gz', tempDir(t)), join(tempDir(t), 'dest'), {
    ops: new Set(['dirn']),
  })
  assert.match(notes[0], /^Storm text is copied as it is, .* 20 triggers, 6 cron jobs, 2 commands and packages /)
  assert.match(notes[1], /^In 0\.1\.x everyone could read every view/)
})

test('preflight() refuses a disk without room for the layers, and warns of one that may be too small', async (t) => {
  const source = readSource(unpack('bad/intact/src.tar.gz', tempDir(t)))
  const room = (bytes: number, overrides: Partial<PreflightOptions> = {}) =>
    preflight(source, options(join(tempDir(t), 'dest'), overrides), { freeBytes: () => bytes })
  const { problems } = await room(4096)
  assert.match(problems[0].text, /^The destination's disk has 4\.0 KiB free, the migration needs at least [\d.]+ KiB$/)
  assert.deepEqual((await room(4096, { fromLast: true })).problems, [])
  assert.deepEqual((await room(4096, { ops: new Set(['hivelyr', 'dirn']) })).problems.length, 1)
  let bytes = 4096
  while ((await room(bytes)).problems.length > 0) bytes += 4096
  assert.match((await room(bytes)).warnings[0].text, /, the migration may need up to [\d.]+ KiB$/)
  assert.deepEqual((await room(3 * bytes)).warnings, [])
})

test('preflight() refuses a file system whose files cannot become as large as a slab', async (t) => {
  const source = readSource(unpack('bad/intact/src.tar.gz', tempDir(t)))
  const problemsOf = async (bytes: number | null) =>
    (await preflight(source, options(join(tempDir(t), 'dest'), {}), { fileBytes: () => bytes })).problems
  const [{ text, hint }] = await problemsOf(4096)
  assert.match(
    text,
    /^A slab of layer [0-9a-f]{32} has [\d.]+ KiB, files on the destination's disk can have 4\.0 KiB at most$/,
  )
  assert.equal(hint, 'Give --dest a directory on another file system, such as XFS')
  assert.deepEqual([await problemsOf(2 ** 44), await problemsOf(null)], [[], []])
})

test('preflight() warns of a source that keeps no splices, which a sync lives on', async (t) => {
  const srcDir = unpack('bad/intact/src.tar.gz', tempDir(t))
  const warned = async (yaml: string) => {
    writeFileSync(join(srcDir, 'cell.yaml'), yaml)
    const { warnings } = await check(srcDir, join(tempDir(t), 'dest'))
    return warnings.map(({ text }) => text.replaceAll(srcDir, 'SRC'))
  }
  assert.deepEqual(await warned('splice:en: true\n'), [])
  const text = '"SRC/cell.yaml" switches splices off (splice:en): a sync would see no change of this Cortex'
  assert.deepEqual(await warned('splice:en: false\n'), [text])
})

test('preflight() names what this user may not write, and whose it is', async (t) => {
  const srcDir = unpack('bad/intact/src.tar.gz', tempDir(t))
  const destDir = tempDir(t)
  mkdirSync(join(destDir, 'layers', LAYER), { recursive: true })
  const { problems, warnings } = await preflight(readSource(srcDir), options(destDir, {}), {
    uid: () => 1000,
    ownerOf: () => 998,
    canWrite: (dir) => dir !== join(destDir, 'layers', LAYER),
  })
  assert.deepEqual(warnings, [])
  assert.deepEqual(
    problems.map(({ text, hint }) => `${text} | ${hint}`.replaceAll(srcDir, 'SRC').replaceAll(destDir, 'DEST')),
    [
      `Cannot write to "DEST/layers/${LAYER}": user 1000 may not, or the disk is read-only | ` +
        'Run as user 998, who owns it, or give --dest another directory',
    ],
  )
  const asRoot = await preflight(readSource(srcDir), options(join(destDir, 'new'), {}), {
    uid: () => 0,
    ownerOf: () => 999,
  })
  assert.deepEqual(asRoot.problems, [])
  assert.match(
    asRoot.warnings[0].text,
    /^The source belongs to user 999, this runs as root: the destination will belong/,
  )
  assert.match(asRoot.warnings[0].hint, /chown -R 999 .*new$/)
})

test('preflight() refuses a limit of open files that is too low', async (t) => {
  const source = readSource(unpack('bad/intact/src.tar.gz', tempDir(t)))
  const dest = join(tempDir(t), 'dest')
  const problemsOf = async (limit: number | null) =>
    (await preflight(source, options(dest, {}), { openFiles: () => limit })).problems
  const [{ text, hint }] = await problemsOf(64)
  const need = Number(/^This process may have 64 files open, the migration needs up to (\d+)$/.exec(text)?.[1])
  assert.equal(hint, `Raise the limit first: ulimit -n ${need}`)
  assert.equal((await problemsOf(need - 1)).length, 1)
  assert.deepEqual([await problemsOf(need), await problemsOf(null)], [[], []])
})

test('preflight() refuses a destination of which a process has a layer open', async (t) => {
  const srcDir = unpack('bad/intact/src.tar.gz', tempDir(t))
  const destDir = tempDir(t)
  const slab = await Slab.open(join(destDir, 'layers', LAYER, 'layer_v2.lmdb'))
  t.after(() => slab.close())
  const { problems } = await check(srcDir, destDir)
  assert.ok(problems.some(({ text }) => text === `Cannot migrate into "${destDir}": a process has layer ${LAYER} open`))
})

function check(srcDir: string, destDir: string, overrides: Partial<PreflightOptions> = {}): Promise<Preflight> {
  return preflight(readSource(srcDir), options(destDir, overrides))
}

function options(destDir: string, overrides: Partial<PreflightOptions>): PreflightOptions {
  return { ...PREFLIGHT_OPTIONS, workers: 2, destDir, ...overrides }
}

function texts({ warnings }: Preflight): string[] {
  return warnings.map(({ text }) => text)
}

/** Makes 0.1.4 of the layer's model version 0.1.2, in place. */
function raiseModelVersion(srcDir: string): void {
  const path = cortexPaths(srcDir).layer(LAYER).slab('layer')
  const bytes = readFileSync(join(path, 'data.mdb'))
  const stored = Buffer.from('layer:model:version\x93\x00\x01\x02', 'latin1')
  const at = bytes.lastIndexOf(stored)
  assert.ok(at > 0)
  alterByte(join(path, 'data.mdb'), at + stored.length - 1, 1)
  alterByte(join(path, 'data.mdb'), at + stored.length - 1, 2)
}

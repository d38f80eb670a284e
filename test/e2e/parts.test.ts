import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { withDefaults } from '../../src/api/run-options.js'
import { packageVersion } from '../../src/cli/package-version.js'
import { readErrorRecords } from '../../src/dest/error-records.js'
import { MigrationError } from '../../src/errors.js'
import { migrate } from '../../src/index.js'
import { makePart } from '../../src/migrate/parts/make-part.js'
import type { PartId } from '../../src/migrate/parts/part-dirs.js'
import { plannedLayer, setDone } from '../../src/migrate/parts/parts-plan.js'
import { PART_STEPS, type PartStep } from '../../src/migrate/parts/pieces.js'
import { planParts } from '../../src/migrate/parts/plan-parts.js'
import { finishLayer, restOf } from '../../src/migrate/parts/stages.js'
import { streamKeyOf } from '../../src/migrate/parts/stream-file.js'
import { walkSlab } from '../../src/page/page-walker.js'
import { copyCortex, synapseMigrator, tempDir, unpack } from '../support/cortex.js'
import { TINY } from '../support/migrator.js'
import { del, plant, rowsOf } from '../support/plant.js'
import { layerDigests } from '../support/row-digest.js'
import type { ChildPart } from '../support/run-part.js'

const machine = { workers: 1, memoryBytes: 1 << 27 }
const version = packageVersion()
const quiet = { version, log: () => {}, show: () => {}, command: ({ step, part }: PartId) => `${step} ${part}` }
const stage = { version, log: () => {}, progress: { show: () => {} }, begin: () => {}, command: String }
const asked = { version, partBytes: 1 << 17, modelNames: [] }
// Runs are merged in several levels, also within a part.
const pieces = { ...TINY, fanIn: { atOnce: 2, most: 1 } }

test('a Cortex in parts, in any order, killed, twice at once: the same rows as of one run, and never half a part', async (t) => {
  const dir = tempDir(t)
  const srcDir = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const [large, small] = largestFirst(srcDir)
  const onlyLayers = [large, small]
  await migrate({ srcDir, destDir: join(dir, 'whole'), ...machine, onlyLayers })
  const expected = layerDigests(join(dir, 'whole'))

  const destDir = join(dir, 'dest')
  const host = withDefaults({ srcDir, destDir, ...machine })
  const options = { ...host, onlyLayers, pieces }
  const { plan, isNew } = await planParts(options, asked, () => {})
  assert.ok(isNew)
  assert.equal((await planParts(options, asked, () => {})).isNew, false)
  await refused(
    planParts({ ...options, safetyOff: true }, asked, () => {}),
    9,
    /other options \(safetyOff\)/,
  )
  await refused(
    planParts(options, { ...asked, version: '0.0.0' }, () => {}),
    9,
    /version \S+ has made it, this is 0\.0\.0$/,
  )
  const { parts } = plannedLayer(plan, large)
  assert.deepEqual(parts, { extract: 2, merge: 2, splices: 3 })
  const make = (step: PartStep, part: number, iden = large, srcOther = srcDir) =>
    makePart({ id: { iden, step, part }, parts: parts[step], options: { ...host, srcDir: srcOther }, ...quiet })

  // A run that died has left nothing that counts as a part.
  const dying = { id: { iden: large, step: 'extract', part: 2 }, parts: parts.extract } as const
  assert.equal(child({ srcDir, destDir, iden: large, part: dying, dieAt: { phase: 'nodes', done: 1 } }), 'SIGKILL')
  await refused(make('merge', 1), 4, /parts are missing, extract 1\/2, extract 2\/2$/, /extract 1; extract 2/)
  const twice = await Promise.all([make('extract', 2), make('extract', 2)])
  assert.deepEqual(twice.map(({ isMade }) => isMade).sort(), [false, true])
  await refused(make('merge', 1), 4, /parts are missing, extract 1\/2$/)
  await make('extract', 1)
  assert.equal((await make('extract', 1)).isMade, false)
  await refused(makePart({ id: dying.id, parts: 7, options: host, ...quiet }), 9, /layer .* has 2 in the plan/)
  await refused(make('extract', 1, 'ff'), 4, /the plan has no such layer/)
  for (const step of ['splices', 'merge'] as const) {
    for (let part = parts[step]; part > 1; part--) await make(step, part)
  }

  // Another source is refused by each command, whatever is there already.
  const other = copyCortex(srcDir, join(dir, 'other'))
  const [{ key }] = rowsOf(join(other, 'layers', large, 'layer.lmdb'), 'bybuid')
  plant(join(other, 'layers', large, 'layer.lmdb'), [del('bybuid', key)])
  await refused(make('extract', 1, large, other), 9, /started with another layer\.lmdb/)
  await refused(finishLayer({ ...stage, options: { ...host, srcDir: other } }, large), 9, /another layer\.lmdb/)
  await refused(finishLayer({ ...stage, options: host }, large), 4, /not done yet, cell$/)

  const at = ['--src', srcDir, '--dest', destDir, '--workers', '1']
  const cell = synapseMigrator(['part', 'cell', ...at, '--json'])
  assert.equal(cell.status, 0, cell.stderr)
  assert.deepEqual(JSON.parse(cell.stdout).made, true)
  await refused(finishLayer({ ...stage, options: host }, large), 4, /parts are missing, merge 1\/2, splices 1\/3$/)
  for (const step of ['splices', 'merge'] as const) await make(step, 1)
  for (const step of PART_STEPS)
    await makePart({ id: { iden: small, step, part: 1 }, parts: 1, options: host, ...quiet })

  // A finish that died goes on.
  assert.equal(child({ srcDir, destDir, iden: large, part: null, dieAt: { phase: 'indexes', done: 9 } }), 'SIGKILL')
  const finished = synapseMigrator(['part', 'finish', ...at, '--layer', large])
  assert.equal(finished.status, 0, finished.stderr)
  assert.match(finished.stdout, /^Did finish of layer \w{32}: 0 errors$/m)
  const early = async () => restOf({ version, options: host, command: (what) => `finish ${what}` })
  await refused(early(), 4, new RegExp(`not done yet, layer ${small}$`), new RegExp(`^Run first: finish ${small}$`))
  assert.notEqual(await finishLayer({ ...stage, options: host }, small), null)
  assert.equal(await finishLayer({ ...stage, options: host }, small), null)
  assert.equal((await make('splices', 2)).isMade, false)

  // What is done must still be there.
  const hive = join(destDir, 'slabs', 'cell.lmdb')
  renameSync(hive, `${hive}.away`)
  await refused(early(), 4, /not done yet, cell$/)
  renameSync(`${hive}.away`, hive)

  const end = synapseMigrator(['part', 'finish', ...at, '--verify', '--accept-errors', 'all'])
  assert.equal(end.status, 0, end.stderr + end.stdout)
  assert.match(end.stdout, /^No differences in what was compared/m)
  assert.deepEqual(layerDigests(destDir), expected)
  for (const slab of Object.keys(expected)) {
    assert.deepEqual(walkSlab(join(destDir, 'layers', `${slab}.lmdb`)).complaints, [], slab)
  }
  assert.deepEqual(
    readdirSync(join(destDir, 'migration', 'parts')).sort(),
    [...onlyLayers.map((iden) => `${iden}.done`), 'cell.done', 'plan'].sort(),
  )
})

test('parts look for forms in other layers, record errors, and damage is named by its path', async (t) => {
  const dir = tempDir(t)
  const srcDir = unpack('bad/orphanrows-mappartial/src.tar.gz', join(dir, 'src'))
  const whole = join(dir, 'whole')
  await migrate({ srcDir, destDir: whole, ...machine })
  const destDir = join(dir, 'dest')
  const host = withDefaults({ srcDir, destDir, ...machine })
  const { plan } = await planParts({ ...host, pieces }, asked, () => {})
  const [{ iden, parts }] = plan.layers
  const errors: number[] = []
  for (const step of PART_STEPS) {
    for (let part = 1; part <= parts[step]; part++) {
      const made = await makePart({ id: { iden, step, part }, parts: parts[step], options: host, ...quiet })
      errors.push(made.errorCount)
    }
  }
  // Stands for the cell.
  cpSync(join(srcDir, 'slabs'), join(destDir, 'slabs'), { recursive: true })
  setDone(destDir, plan, 'cell', 0)
  const of = (step: string) => join(destDir, 'migration', 'parts', iden, `${step}-0001`)
  const finish = () => finishLayer({ ...stage, options: host }, iden)
  const [stream] = readdirSync(of('splices')).filter((name) => name.endsWith('.stream'))
  const [run] = readdirSync(of('extract'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.run'),
  )
  const merge = () => makePart({ id: { iden, step: 'merge', part: 1 }, parts: parts.merge, options: host, ...quiet })
  renameSync(of('merge'), join(dir, 'merge'))
  renameSync(join(of('extract'), run), join(dir, 'run'))
  await refused(merge(), 6, /000000.run is gone$/, /remove the directory extract-0001 in that path/)
  renameSync(join(dir, 'run'), join(of('extract'), run))
  cpSync(of('splices'), of('merge'), { recursive: true })
  await refused(finish(), 9, /it is part 1 of splices$/, /^Remove it, then make that part again$/)
  writeFileSync(join(of('merge'), 'part'), '')
  await refused(finish(), 6, /merge-0001": its record is not as it was written$/, /remove that directory/)
  rmSync(of('merge'), { recursive: true })
  renameSync(join(dir, 'merge'), of('merge'))
  assert.throws(() => streamKeyOf(join(of('merge'), 'none.stream')), /it is gone$/)
  const other = copyCortex(srcDir, join(dir, 'other'))
  const [{ key }] = rowsOf(join(other, 'slabs', 'cell.lmdb'), 'hive')
  plant(join(other, 'slabs', 'cell.lmdb'), [del('hive', key)])
  await refused(finishLayer({ ...stage, options: { ...host, srcDir: other } }, iden), 9, /another cell.lmdb$/)
  writeFileSync(join(of('splices'), stream), Buffer.alloc(10), { flag: 'r+' })
  await refused(finish(), 6, /Cannot read stream ".*splices-0001\/000000.stream"/)
  rmSync(of('splices'), { recursive: true })
  await makePart({ id: { iden, step: 'splices', part: 1 }, parts: parts.splices, options: host, ...quiet })
  const again: ChildPart = { srcDir, destDir, iden, part: null, dieAt: { phase: 'verify', done: 0 } }
  assert.equal(child(again), 0)
  const rows = (of: string) => JSON.stringify([layerDigests(of), recordsOf(of, iden)])
  assert.equal(rows(destDir), rows(whole))
  assert.equal(
    errors.reduce((sum, n) => sum + n, 0),
    recordsOf(whole, iden).length,
  )
})

/** Idens of the layers, by the size of their slabs. */
function largestFirst(srcDir: string): string[] {
  const rows = (iden: string) => rowsOf(join(srcDir, 'layers', iden, 'layer.lmdb'), 'bybuid').length
  return readdirSync(join(srcDir, 'layers')).sort((a, b) => rows(b) - rows(a))
}

/** Errors of a layer, as text. */
function recordsOf(destDir: string, iden: string): string[] {
  return [...(readErrorRecords(destDir) ?? [])]
    .filter(({ layer }) => layer === iden)
    .map(({ step, code, message }) => `${step} ${code} ${message}`)
}

/** How the process ended. */
function child(what: ChildPart): number | string | null {
  const script = join(import.meta.dirname, '..', 'support', 'run-part.js')
  const { status, signal, stderr } = spawnSync(process.execPath, [script, JSON.stringify(what)], { encoding: 'utf8' })
  if (status !== null && status !== 0) throw new Error(stderr)
  return signal ?? status
}

async function refused(work: Promise<unknown>, exitCode: number, text: RegExp, hint = /./): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof MigrationError, String(error))
    assert.deepEqual([error.exitCode, text.test(error.message)], [exitCode, true], error.message)
    assert.match(error.hint ?? '', hint)
    return true
  })
}

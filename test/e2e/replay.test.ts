import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Report } from '../../src/report/report-schema.js'
import { compareDumps, report, withoutCheckpoints } from '../support/compare.js'
import { inconsistencies } from '../support/consistency.js'
import { copyCortex, migrate, synapseMigrator, tempDir, unpack } from '../support/cortex.js'
import { dumpCortex } from '../support/dump.js'
import { parseItems } from '../support/node-edits.js'
import { randomOf } from '../support/random.js'
import { addUnknown, writeModel } from '../support/unknown-model.js'

/** Replays that are killed; a release is tried with more. */
const ROUNDS = Number(process.env.KILL_ROUNDS ?? 2)

/** A Cortex with things of a custom module, and what becomes of it with and without the module's model; made once. */
const made = (() => {
  const dir = tempDir({ after })
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  addUnknown(src)
  const model = writeModel(dir)
  const [without, withModel] = [join(dir, 'without'), join(dir, 'with')]
  assert.equal(migrate('--src', src, '--dest', without, '--workers', '2').status, 8)
  assert.equal(migrate('--src', src, '--dest', withModel, '--workers', '2', '--model', model).status, 8)
  return { src, model, without, withModel, expected: withoutCheckpoints(dumpCortex(withModel)) }
})()

test('errors --replay with the missing model makes the destination that a migration with it makes', (t) => {
  const dest = copyCortex(made.without, join(tempDir(t), 'dest'))
  const ended = replay(dest)
  assert.equal(ended.stderr, '')
  assert.equal(ended.status, 0)
  assert.match(
    ended.stdout,
    /^Replayed the errors of .*dest in \d+\.\d s\n {2}nodes: 52 of 52 errors are cured\n {2}nodedata: 81 of 81 errors are cured\n {2}splices: \d+ of \d+ errors are cured\n {2}no errors of these steps are left\n {2}not tried again: 1 error of other steps\n {4}1 {2}hiveauth {2}OWNER {2}a trigger or queue names no user who owns it\n/,
  )
  same(dest, 'replayed')
  assert.deepEqual(inconsistencies(dumpCortex(dest)), [])
  const { status, stdout } = synapseMigrator(['verify', '--src', made.src, '--dest', dest, '--model', made.model])
  assert.equal(status, 0, stdout)
  assert.match(stdout, /^No differences; the migration log holds 1 error$/m)
  assert.doesNotMatch(stdout, /to be expected/)
  const again = replay(dest)
  assert.deepEqual([again.status, again.stdout.split('\n')[1]], [0, '  no errors of these steps are left'])
  same(dest, 'replayed twice')
  // So does the report, whose last run is the replay.
  const [reported, wanted] = [reportOf(dest), reportOf(made.withModel)]
  assert.deepEqual(countsOf(reported), countsOf(wanted))
  assert.notDeepEqual(countsOf(reported), countsOf(reportOf(made.without)))
  assert.deepEqual([reported.errors.total, reported.verdict.status], [1, 'incomplete'])
  assert.deepEqual(
    reported.runs.map(({ options, exitCode }) => [options.replay ?? false, exitCode]),
    [
      [false, 8],
      [true, 0],
      [true, 0],
    ],
  )
  // The checkpoints are those of a migration with the model.
  const resumed = migrate('--src', made.src, '--dest', dest, '--from-last', '--model', made.model)
  assert.equal(resumed.status, 8, resumed.stderr)
  same(dest, 'resumed')
})

test('errors --replay that is killed at any instant and run again makes the same, in the nexus log too', (t) => {
  const dir = tempDir(t)
  const logged = join(dir, 'logged')
  const nexus = ['--src', made.src, '--add-mode', 'nexus']
  assert.equal(migrate(...nexus, '--dest', logged).status, 8)
  const expected = { plain: made.expected, logged: dumpOf(join(dir, 'with'), nexus) }
  const seed = Number(process.env.KILL_SEED ?? Date.now() % 1e6)
  const random = randomOf(seed)
  let kills = 0
  for (let round = 0; round < ROUNDS; round++) {
    const kind = round % 2 === 0 ? 'plain' : 'logged'
    const dest = copyCortex(kind === 'plain' ? made.without : logged, join(dir, `dest-${round}`))
    // What it says tells where it is: twice it is killed somewhat after one of its lines.
    const points = [25, 12].map((most) => ({ lines: 1 + random(most), delayMs: random(8) }))
    for (const point of points) if (replayKilled(dest, point)) kills++
    const { status, stderr } = replay(dest)
    assert.equal(status, 0, stderr)
    same(dest, `seed ${seed}, killed at ${JSON.stringify(points)}`, expected[kind])
  }
  assert.ok(kills >= ROUNDS, `only ${kills} replays were killed before they ended`)
})

test('errors --replay adds what it can, and says what is left', (t) => {
  const dir = tempDir(t)
  const dest = copyCortex(made.without, join(dir, 'dest'))
  const part = join(dir, 'part.json')
  const { tagprops, ...rest } = JSON.parse(readFileSync(made.model, 'utf8'))
  writeFileSync(part, JSON.stringify(rest))
  const first = synapseMigrator(['errors', dest, '--replay', '--src', made.src, '--model', part])
  assert.equal(first.status, 8, first.stderr)
  assert.match(first.stdout, /^ {2}nodes: 11 of 52 errors are cured$/m)
  assert.match(first.stdout, /^ {4}41 {2}nodes {5}STORTYPE {2}a prop or tag prop is not in the model$/m)
  assert.match(first.stdout, new RegExp(`^ {2}see them with: synapse-migrator errors ${dest}$`, 'm'))
  const check = synapseMigrator(['verify', '--src', made.src, '--dest', dest, '--model', part])
  assert.equal(check.status, 0, check.stdout)
  const second = join(dir, 'tagprops.json')
  writeFileSync(second, JSON.stringify({ tagprops }))
  const wrong = synapseMigrator(['errors', dest, '--replay', '--src', made.src, '--model', second])
  assert.equal(wrong.status, 9)
  assert.match(
    wrong.stderr,
    /^error: Cannot replay errors of layer \w{32}: it was migrated with a definition of \w+.*\nhint: Give the --model files of the migration too$/m,
  )
  const ended = synapseMigrator(['errors', dest, '--replay', '--src', made.src, '--model', part, '--model', second])
  assert.equal(ended.status, 0, ended.stderr)
  same(dest, 'replayed in two steps')
})

test('errors --replay refuses what it cannot add to, and changes nothing', (t) => {
  const dir = tempDir(t)
  const refused = (dest: string, ...args: string[]) => {
    const { status, stdout, stderr } = synapseMigrator(['errors', dest, '--replay', ...args])
    assert.equal(stdout, '')
    return `${status} ${stderr.split('\n')[0].replaceAll(dir, 'DIR')}`
  }
  const none = ['--src', made.src]
  assert.equal(refused(made.without), '2 error: --replay needs the Cortex that was migrated')
  assert.equal(refused(dir, ...none), '4 error: Cannot replay errors of "DIR": there is no Cortex in it')
  const other = unpack('bad/intact/src.tar.gz', join(dir, 'other'))
  assert.match(
    refused(made.without, '--src', other),
    /^4 error: .*: it belongs to the Cortex \w{32}, "DIR\/other" is \w{32}$/,
  )
  const booted = unpack('reference/booted-280.tar.gz', join(dir, 'booted'))
  mkdirSync(join(booted, 'layers'))
  assert.match(refused(booted, '--src', booted), /^4 error: .*: the source is a Cortex of version \(0, 2, 0\) already$/)
  const changed = copyCortex(made.src, join(dir, 'changed'))
  addUnknown(changed)
  assert.match(refused(made.without, '--src', changed), /^9 error: .*layer\.lmdb" has changed since$/)
  assert.equal(synapseMigrator(['errors', made.without, '--model', made.model]).status, 2)
})

function reportOf(dest: string): Report {
  return JSON.parse(readFileSync(join(dest, 'migration', 'report.json'), 'utf8')) as Report
}

/** What a report counts by layer. */
function countsOf({ layers }: Report) {
  return layers.map(({ iden, nodes, nodedata, splices, forms }) => ({ iden, nodes, nodedata, splices, forms }))
}

function dumpOf(dest: string, args: string[]): string[] {
  assert.equal(migrate(...args, '--dest', dest, '--model', made.model).status, 8)
  return withoutCheckpoints(dumpCortex(dest))
}

/** Starts a replay that kills itself; says whether it came to that. */
function replayKilled(dest: string, kill: { lines: number; delayMs: number }): boolean {
  const options = {
    srcDir: made.src,
    destDir: dest,
    workers: 1,
    memoryBytes: 1 << 27,
    editBatchSize: 100,
    batchNodes: 3,
  }
  const script = join(import.meta.dirname, '..', 'support', 'run-replay.js')
  const { signal } = spawnSync(process.execPath, [script, JSON.stringify({ ...options, model: made.model, kill })])
  return signal === 'SIGKILL'
}

function replay(dest: string, ...more: string[]) {
  return synapseMigrator(['errors', dest, '--replay', '--src', made.src, '--model', made.model, ...more])
}

function same(dest: string, what: string, expected = made.expected): void {
  const { unexplained } = compareDumps(anyBatches(withoutCheckpoints(dumpCortex(dest))), anyBatches(expected))
  assert.equal(unexplained.length, 0, `${what}: ${report(unexplained)}`)
}

/** Node edits of the nexus log one by one: replayed ones follow the others, in batches of their own. */
function anyBatches(dump: readonly string[]): string[] {
  return dump.flatMap((line) => {
    const found = /^(slabs\/nexus\.lmdb\tnexuslog\t)\["(?:[^"\\]|\\.)*",(\["\w+","edits",)(.*)\]$/.exec(line)
    if (found === null) return [line]
    const [, head, layer, rest] = found
    const [edits] = parseItems(parseItems(`[${rest}`, 0).items[0], 0).items
    return parseItems(edits, 0).items.map((edit) => `${head}${layer}${edit}`)
  })
}

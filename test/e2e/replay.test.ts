import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Report } from '../../src/report/report-schema.js'
import { inconsistencies } from '../support/consistency.js'
import { copyCortex, migrate, synapseMigrator, tempDir, unpack } from '../support/cortex.js'
import { dumpCortex } from '../support/dump.js'
import { made, replay, same } from '../support/replayed.js'
import { addUnknown } from '../support/unknown-model.js'

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

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readAcceptedErrors } from '../../src/dest/accepted-errors.js'
import { readErrorRecords } from '../../src/dest/error-records.js'
import { errorKindInfo } from '../../src/layout/error-record.js'
import { migrate, synapseMigrator, tempDir, unpack } from '../support/cortex.js'
import { plant, rowsOf } from '../support/plant.js'

test('--accept-errors turns recorded errors that a file lists into 0, and new ones stay 8', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/normerror/src.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  const run = (...args: string[]) => migrate('--src', src, '--dest', dest, '--workers', '1', '--from-last', ...args)
  assert.equal(run().status, 8)
  const lines = synapseMigrator(['errors', dest, '--json']).stdout
  const [json, some, dumped] = [join(dir, 'errors.jsonl'), join(dir, 'some.jsonl'), join(dir, 'errors.mpk')]
  writeFileSync(json, lines)
  writeFileSync(some, lines.split('\n').slice(1).join('\n'))
  assert.equal(migrate('--src', src, '--dest', dest, '--dump-errors').status, 0)
  const [dump] = readdirSync(join(dest, 'migration')).filter((name) => name.startsWith('migrerrors_'))
  writeFileSync(dumped, readFileSync(join(dest, 'migration', dump)))
  for (const file of [json, dumped, 'all']) {
    const { status, stdout, stderr } = run('--accept-errors', file)
    assert.equal(status, 0, stderr)
    assert.match(stdout, /^ {4}5 {2}nodes {2}NORM .* \(accepted\)$/m)
    assert.match(stdout, /^ {2}all of these errors are accepted \(--accept-errors\)$/m)
  }
  const { status, stdout } = run('--accept-errors', some)
  assert.equal(status, 8)
  assert.match(stdout, /^ {4}5 {2}nodes {2}NORM .* \(4 accepted\)$/m)
  assert.match(stdout, /^ {2}4 of these errors are accepted \(--accept-errors\), 1 is new$/m)
  // A dry run counts what it finds itself.
  const dry = ['--src', src, '--dest', join(dir, 'dry'), '--dry-run', '--accept-errors']
  assert.equal(migrate(...dry, json).status, 0)
  assert.equal(migrate(...dry, some).status, 8)
  // errors shows what is left, and ends with 8 while there is any.
  const listed = synapseMigrator(['errors', dest, '--accept-errors', some])
  assert.equal(listed.status, 8)
  assert.match(listed.stdout, /^ {5}1 {2}nodes {2}NORM/m)
  assert.deepEqual(
    [json, 'all'].map((file) => {
      const ended = synapseMigrator(['errors', dest, '--accept-errors', file])
      return [ended.status, ended.stdout]
    }),
    [
      [0, 'no errors\n'],
      [0, 'no errors\n'],
    ],
  )
  const replayed = (file: string) =>
    synapseMigrator(['errors', dest, '--replay', '--src', src, '--accept-errors', file]).status
  assert.deepEqual([replayed(json), replayed(some)], [0, 8])
})

test('errors --accept-errors ends with 8 for an error that lies behind those that --limit lists', (t) => {
  const dir = tempDir(t)
  const dest = join(dir, 'dest')
  assert.equal(
    migrate('--src', unpack('demo-cortex.tar.gz', join(dir, 'src')), '--dest', dest, '--workers', '1').status,
    8,
  )
  // Notes come first; a second one like the first.
  const log = join(dest, 'migration', 'migr.lmdb')
  const note = rowsOf(log, 'migr').find(({ key }) => Buffer.from(key).toString('latin1').startsWith('cell\0error\0'))
  assert.ok(note)
  const [key, value] = [note.key, note.value].map((bytes) => Buffer.from(bytes).toString('hex'))
  plant(log, [{ db: 'migr', dupSort: false, op: 'put', key: `${key}32`, value }])
  const none = join(dir, 'none.jsonl')
  writeFileSync(none, '')
  for (const json of [[], ['--json']]) {
    const { status, stdout } = synapseMigrator([
      'errors',
      dest,
      '--notes',
      '--accept-errors',
      none,
      '--limit',
      '1',
      ...json,
    ])
    assert.equal(status, 8)
    if (json.length > 0) assert.equal(stdout.trimEnd().split('\n').length, 1)
  }
})

test('--accept-errors knows values of node data, splices, triggers and queues one by one', (t) => {
  const dir = tempDir(t)
  for (const [i, name] of [
    'demo-cortex',
    'bad/splices-old/src',
    'bad/trigger-noview/src',
    'bad/badutf8-key/src',
  ].entries()) {
    const src = unpack(`${name}.tar.gz`, join(dir, `src-${i}`))
    const dest = join(dir, `dest-${i}`)
    const args = ['--src', src, '--dest', dest, '--workers', '1']
    assert.equal(migrate(...args).status, 8, name)
    const lines = synapseMigrator(['errors', dest, '--json']).stdout.split('\n').slice(0, -1)
    const file = join(dir, `errors-${i}.jsonl`)
    const recorded = [...(readErrorRecords(dest) ?? [])]
    const records = recorded.filter(({ code }) => errorKindInfo(code).isNote !== true)
    assert.equal(records.length, lines.length, name)
    for (let left = 0; left < lines.length; left++) {
      writeFileSync(file, lines.filter((_, at) => at !== left).join('\n'))
      const accepted = readAcceptedErrors(file)
      const found = records.flatMap((record, at) => (accepted.covers(record) ? [] : [at]))
      assert.deepEqual(found, [left], name)
    }
    const ended = synapseMigrator(['errors', dest, '--accept-errors', file, '--json'])
    assert.deepEqual([ended.status, ended.stdout], [8, `${lines.at(-1)}\n`], name)
    writeFileSync(file, lines.join('\n'))
    assert.equal(migrate(...args, '--from-last', '--accept-errors', file).status, 0, name)
  }
})

test('--accept-errors refuses a file that is not a list of errors with 3', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const run = (file: string) => migrate('--src', src, '--dest', join(dir, 'dest'), '--accept-errors', file)
  const written = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(dir, name), content)
    return join(dir, name)
  }
  const { status, stderr } = run(join(dir, 'none'))
  assert.equal(status, 3, stderr)
  assert.match(stderr, /^error: Cannot read accepted errors ".*": .*\nhint: Give a file that "synapse-migrator errors/)
  for (const file of [
    written('text', 'buid NORM\n'),
    written('json', '{"a": 1}\n'),
    written('cut', '{"step": "nodes", "key'),
    written('map', Uint8Array.of(0x80)),
    written('list', Uint8Array.of(0x91, 0x01)),
  ]) {
    assert.throws(() => readAcceptedErrors(file), { code: 'ERR_CONFIG', message: /^Cannot read accepted errors / })
  }
  assert.equal(run(written('empty', '')).status, 0)
})

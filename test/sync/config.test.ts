import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MigrationError } from '../../src/errors.js'
import { type ConfigInput, readConfig } from '../../src/sync/cell/config.js'
import { tempDir } from '../support/fixture.js'

const dir = tempDir()

function read(yaml: string, commandLine: ConfigInput = {}, env: Record<string, string> = {}) {
  writeFileSync(join(dir, 'cell.yaml'), yaml)
  return readConfig(dir, commandLine, env)
}

function refusal(yaml: string, commandLine: ConfigInput = {}, env: Record<string, string> = {}): string {
  try {
    read(yaml, commandLine, env)
  } catch (error) {
    assert.ok(error instanceof MigrationError)
    assert.equal(error.code, 'ERR_CONFIG')
    return error.message
  }
  assert.fail('it was accepted')
}

test('readConfig() has the defaults of the reference', () => {
  const { pollS, errLim, queueSize, offsLogging, src, authPasswd } = read('')
  assert.deepEqual([pollS, errLim, queueSize, offsLogging], [60, 10, 100_000, 10_000_000])
  assert.deepEqual([src, authPasswd], [undefined, undefined])
})

test('readConfig() takes the command line before the environment before cell.yaml', () => {
  const yaml = 'src: a\ndest: a\noffsfile: a\npoll_s: 1\n'
  const env = { SYN_SYNCMIGRATOR_SRC: 'b', SYN_SYNCMIGRATOR_DEST: 'b', SYN_SYNCMIGRATOR_POLL_S: '2' }
  const found = read(yaml, { src: 'c', poll_s: undefined }, env)
  assert.deepEqual([found.src, found.dest, found.offsfile, found.pollS], ['c', 'b', 'a', 2])
})

test('readConfig() takes passwords and urls as they are written, numbers too', () => {
  assert.equal(read('auth:passwd: 12345').authPasswd, '12345')
  assert.equal(read('auth:passwd: "0012"').authPasswd, '0012')
  assert.equal(read('auth:passwd: 1e5').authPasswd, '1e5')
  assert.equal(read('auth:passwd: no').authPasswd, 'no')
  assert.equal(read('', {}, { SYN_SYNCMIGRATOR_AUTH_PASSWD: '0x1f' }).authPasswd, '0x1f')
  assert.equal(read('', {}, { SYN_SYNCMIGRATOR_AUTH_PASSWD: 'true' }).authPasswd, 'true')
  assert.equal(read('', {}, { SYN_SYNCMIGRATOR_AUTH_PASSWD: "'s3cret'" }).authPasswd, 's3cret')
  assert.equal(read('', {}, { SYN_SYNCMIGRATOR_SRC: 'tcp://root:pw@h:1/' }).src, 'tcp://root:pw@h:1/')
})

test('readConfig() refuses what it does not know or cannot use, naming key and origin and no value', () => {
  assert.match(refusal('foo: 1'), /"foo" of .*cell\.yaml: no such key/)
  assert.match(refusal('poll_s: hunter2'), /"poll_s" of .*cell\.yaml: expected number/)
  assert.match(refusal('', {}, { SYN_SYNCMIGRATOR_ERR_LIM: '1.5' }), /"err_lim" of the environment/)
  assert.match(refusal('', { queue_size: 0 }), /"queue_size" of the command line/)
  assert.match(refusal('', { err_lim: -2 }), /"err_lim"/)
  assert.match(refusal('', { offs_logging: -1 }), /"offs_logging"/)
  assert.match(refusal('', { poll_s: 0 }), /"poll_s"/)
  assert.match(refusal('auth:passwd: [hunter2]'), /"auth:passwd"/)
  assert.match(refusal('auth:passwd: ""'), /"auth:passwd"/)
  assert.match(refusal('model_sync: never'), /"model_sync"/)
  assert.match(refusal('- 1'), /not a map/)
  assert.match(refusal('auth:passwd: [hunter2'), /not YAML/)
  for (const yaml of ['poll_s: hunter2', 'auth:passwd: [hunter2]', 'auth:passwd: [hunter2']) {
    assert.doesNotMatch(refusal(yaml), /hunter2/)
  }
})

test('readConfig() takes an empty cell.yaml, edge values, and the words for true of old YAML', () => {
  for (const yaml of ['', '---\n...\n', '# nothing\n', '{}']) assert.equal(read(yaml).pollS, 60)
  const found = read('err_lim: -1\nqueue_size: 1\noffs_logging: 0\npoll_s: 0.5\nnexslog:en: yes\nsrc:\n')
  assert.deepEqual(
    [found.errLim, found.queueSize, found.offsLogging, found.pollS, found.src],
    [-1, 1, 0, 0.5, undefined],
  )
})

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLog, LOG_LEVELS } from '../src/log.js'
import { fixture, tempDir, unpack } from './support/cortex.js'

test('createLog() writes lines as the reference does, of its level and above', () => {
  const lines: string[] = []
  const log = createLog({ level: 'WARNING', write: (line) => lines.push(line) })
  for (const level of LOG_LEVELS) log(level, `100 % of %s as ${level}`)
  log('CRITICAL', 'gone', 'sync')
  const time = '\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d,\\d{3}'
  for (const [i, rest] of [
    '[WARNING] 100 % of %s as WARNING [migrate:synapse-migrator]\n',
    '[ERROR] 100 % of %s as ERROR [migrate:synapse-migrator]\n',
    '[CRITICAL] 100 % of %s as CRITICAL [migrate:synapse-migrator]\n',
    '[CRITICAL] gone [sync:synapse-migrator]\n',
  ].entries()) {
    assert.match(lines[i], new RegExp(`^${time} `))
    assert.equal(lines[i].slice(24), rest)
  }
  assert.equal(lines.length, 4)
})

test('createLog() writes one JSON object a line, whatever the message holds', () => {
  const lines: string[] = []
  const log = createLog({ level: 'DEBUG', format: 'json', write: (line) => lines.push(line) })
  log('ERROR', 'two\nlines, a "quote" and \u2028', 'sync')
  assert.equal(lines.length, 1)
  assert.match(lines[0], /^[^\n]*\n$/)
  const { time, ...rest } = JSON.parse(lines[0])
  assert.equal(new Date(time).toISOString(), time)
  assert.deepEqual(rest, { level: 'ERROR', where: 'sync', message: 'two\nlines, a "quote" and \u2028' })
})

test('migrate_020 --log-format json logs nothing but JSON', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const bin = join(fixture('..'), '..', 'bin', 'migrate_020.mjs')
  const args = [bin, '--src', src, '--dest', join(dir, 'dest'), '--log-format', 'json', '--workers', '1', '-v']
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  const levels = stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).level)
  assert.ok(levels.includes('INFO'), stderr)
})

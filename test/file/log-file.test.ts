import assert from 'node:assert/strict'
import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { LogFile } from '../../src/file/log-file.js'
import { tempDir } from '../support/cortex.js'

test('LogFile continues with a file, keeps it to its owner, and keeps the newest lines in so many files', (t) => {
  const path = join(tempDir(t), 'migrate.log')
  writeFileSync(path, 'before\n')
  chmodSync(path, 0o644)
  const log = new LogFile(path, 30, 2)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  for (let i = 0; i < 10; i++) log.write(`line ${i}, of ten\n`)
  log.close()
  const lines = (name: string) => readFileSync(name, 'utf8').split('\n').slice(0, -1)
  assert.deepEqual(lines(path), ['line 9, of ten'])
  assert.deepEqual(lines(`${path}.1`), ['line 7, of ten', 'line 8, of ten'])
  assert.deepEqual(lines(`${path}.2`), ['line 5, of ten', 'line 6, of ten'])
  assert.deepEqual(readdirSync(join(path, '..')).sort(), ['migrate.log', 'migrate.log.1', 'migrate.log.2'])
  for (const name of [path, `${path}.1`, `${path}.2`]) assert.equal(statSync(name).mode & 0o777, 0o600)
})

test('LogFile follows no link that somebody else may have put there', (t) => {
  const dir = tempDir(t)
  const victim = join(dir, 'victim')
  writeFileSync(victim, '')
  symlinkSync(victim, join(dir, 'migrate.log'))
  assert.throws(() => new LogFile(join(dir, 'migrate.log')), /ELOOP/)
  assert.equal(readFileSync(victim, 'utf8'), '')
})

test('LogFile that cannot make its next file writes to no other one, and goes on once it can', (t) => {
  const dir = tempDir(t)
  const path = join(dir, 'logs', 'migrate.log')
  mkdirSync(join(dir, 'logs'))
  const log = new LogFile(path, 30, 2)
  log.write(`${'a'.repeat(29)}\n`)
  rmSync(join(dir, 'logs'), { recursive: true })
  assert.throws(() => log.write('lost\n'), /ENOENT/)
  // The system gives the number of the closed file to the next one that is opened.
  const other = openSync(join(dir, 'other'), 'w')
  assert.throws(() => log.write('lost\n'), /ENOENT/)
  mkdirSync(join(dir, 'logs'))
  log.write('there\n')
  log.close()
  closeSync(other)
  assert.equal(readFileSync(join(dir, 'other'), 'utf8'), '')
  assert.equal(readFileSync(path, 'utf8'), 'there\n')
})

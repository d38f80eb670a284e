import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { RunLog } from '../../src/cli/run-log.js'
import { migrate, tempDir, unpack } from '../support/cortex.js'

test('migrate_020 shows warnings only, -v each step, -q errors only, and keeps all of it in migrate.log', (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const run = (name: string, ...args: string[]) => {
    const { stdout, stderr } = migrate('--src', src, '--dest', join(dir, name), '--workers', '1', ...args)
    assert.match(stdout, /^Migrated /)
    const path = join(dir, name, 'migration', 'migrate.log')
    assert.equal(statSync(path).mode & 0o777, 0o600)
    return { lines: stderr.split('\n').filter(Boolean), log: readFileSync(path, 'utf8') }
  }
  const usual = run('usual')
  assert.ok(usual.lines.length > 0)
  for (const line of usual.lines) assert.match(line, / \[WARNING\] | \[INFO\] Phase \d/)
  assert.match(usual.lines.join('\n'), /1 error of hiveauth, OWNER: Missing iden values for queue/)
  for (const name of ['usual', 'loud', 'quiet']) {
    const args = { usual: [], loud: ['-v'], quiet: ['-q'] }[name] as string[]
    const { lines, log } = name === 'usual' ? usual : run(name, ...args)
    if (name === 'loud') assert.ok(lines.some((line) => line.includes('[INFO] Starting node migration')))
    if (name === 'quiet') assert.deepEqual(lines, [])
    // What was said before the destination was taken is there, too, and how it ended.
    assert.match(log, /\[INFO\] Version [^\n]*, process \d+ \[/)
    assert.match(log, /\[DEBUG\] Option src: "/)
    assert.match(log, /\[WARNING\] Layer \w+ keeps a feed position/)
    assert.match(log, /\[INFO\] Starting node migration/)
    assert.match(log, /\[INFO\] Migrated .* in \d+\.\d s \[/)
    assert.match(log, /\[INFO\] Ended with exit code 8 \[/)
  }
  // A second run continues with the file.
  const { log } = run('usual', '--from-last')
  assert.ok(log.startsWith(usual.log))
})

test('the texts of errors that users search the output for are on standard error by default', (t) => {
  const dir = tempDir(t)
  for (const [name, text] of [
    ['unknownform', 'Unable to determine stortype for nope:form'],
    ['normerror', 'Buid/norming exception BadTypeValu: '],
    ['notnormed', 'Normed form val does not match inbound inet:fqdn'],
    ['badbuid', 'Calculated buid does not match inbound '],
  ]) {
    const src = unpack(`bad/${name}/src.tar.gz`, join(dir, name))
    const { status, stderr } = migrate('--src', src, '--dest', join(dir, `${name}-dest`), '--workers', '1')
    assert.equal(status, 8)
    assert.ok(stderr.includes(text), `${name}: ${stderr}`)
  }
})

test('a run that is refused, or dry, writes no migrate.log', (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  assert.equal(migrate('--src', src, '--dest', join(dir, 'dry'), '--dry-run', '--workers', '1').status, 8)
  assert.equal(existsSync(join(dir, 'dry')), false)
  assert.equal(migrate('--src', src, '--dest', join(src, 'inside')).status, 4)
  assert.equal(existsSync(join(src, 'inside')), false)
})

test('-q, -v and --log-level do not go together', () => {
  for (const args of [
    ['-q', '-v'],
    ['-v', '--log-level', 'DEBUG'],
    ['-q', '--log-level', 'DEBUG'],
  ]) {
    const { status, stderr } = migrate('--src', 'x', '--dest', 'y', ...args)
    assert.equal(status, 2)
    assert.match(stderr, /cannot be used with option/)
  }
})

test('RunLog says once that it cannot keep the log, and goes on', (t) => {
  const dir = tempDir(t)
  mkdirSync(join(dir, 'migration', 'migrate.log'), { recursive: true })
  const shown: string[] = []
  const runLog = new RunLog({ logLevel: 'WARNING', logFormat: 'text' }, (line) => shown.push(line))
  runLog.log('INFO', 'one')
  runLog.begin(dir)
  runLog.log('INFO', 'two')
  runLog.log('WARNING', 'three')
  assert.equal(shown.length, 2)
  assert.match(shown[0], /Cannot keep the log of the run: EISDIR/)
  assert.match(shown[1], /three/)
})

test('RunLog that cannot write for a while says so once, goes on when it can, and notes how much is missing', (t) => {
  const dir = tempDir(t)
  const path = join(dir, 'migration', 'migrate.log')
  mkdirSync(join(dir, 'migration'))
  const shown: string[] = []
  const runLog = new RunLog({ logLevel: 'WARNING', logFormat: 'text' }, (line) => shown.push(line))
  runLog.begin(dir)
  // The file is full, and the next one cannot be made.
  runLog.log('INFO', 'x'.repeat(9 << 20))
  rmSync(join(dir, 'migration'), { recursive: true })
  for (const text of ['one', 'two']) runLog.log('INFO', text)
  assert.equal(shown.length, 1)
  assert.match(shown[0], /Cannot keep the log of the run: ENOENT/)
  mkdirSync(join(dir, 'migration'))
  runLog.log('INFO', 'three')
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  assert.equal(lines.length, 2)
  assert.match(lines[0], /three/)
  assert.match(lines[1], /2 lines before the last one could not be written here/)
})

test('RunLog shows names that a terminal would act on as what they are', (t) => {
  const dir = tempDir(t)
  mkdirSync(join(dir, 'migration'))
  chmodSync(join(dir, 'migration'), 0o700)
  const shown: string[] = []
  const runLog = new RunLog({ logLevel: 'WARNING', logFormat: 'text' }, (line) => shown.push(line))
  runLog.begin(dir)
  runLog.log('WARNING', 'layer \x1b]0;gone\x07\n[ERROR] forged')
  assert.match(shown[0], /layer \\x1b]0;gone\\x07\\x0a\[ERROR\] forged/)
  const textOf = (line: string) => line.slice(line.indexOf('['))
  assert.equal(textOf(shown[0]), textOf(readFileSync(join(dir, 'migration', 'migrate.log'), 'utf8')))
})

import assert from 'node:assert/strict'
import { type StdioOptions, spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { EXIT_MEANINGS, ExitCode } from '../../src/errors.js'
import { fixture, migrate, synapseMigrator, tempDir, unpack } from '../support/cortex.js'
import { plantLock } from '../support/lock.js'
import { del, plant, rowsOf } from '../support/plant.js'

const BIN = join(fixture('..'), '..', 'bin', 'migrate_020.mjs')
const LAYER = 'da202ae99a55194da2d4b96eb84a754b'

test('every exit code of the README is the end of something that a user can do', async (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const faulty = unpack('bad/normerror/src.tar.gz', join(dir, 'faulty'))
  const dest = join(dir, 'dest')
  const run = (...args: string[]) => migrate('--src', src, '--dest', dest, '--workers', '1', ...args).status
  const seen = new Map<number, number | null>()
  const produced = (code: number, status: number | null) => seen.set(code, status)

  produced(3, run('--model', join(dir, 'none.json')))
  produced(4, migrate('--src', src, '--dest', join(src, 'inside')).status)
  produced(5, migrate('--src', damaged(join(dir, 'damaged')), '--dest', join(dir, 'd5')).status)
  produced(
    6,
    spawnSync('bash', ['-c', `ulimit -f 40; exec "$@"`, 'bash', process.execPath, BIN, '--src', src, '--dest', dest])
      .status,
  )
  produced(130, await signalled('SIGINT'))
  produced(143, await signalled('SIGTERM'))
  // What they have left behind is no hindrance.
  produced(0, run('--from-last'))
  produced(9, run('--from-last', '--safety-off'))
  produced(2, run('--nodelim', 'many'))
  produced(8, migrate('--src', faulty, '--dest', join(dir, 'd8')).status)
  produced(11, migrate('--src', faulty, '--dest', join(dir, 'd11'), '--max-errors', '3').status)
  lock(join(dir, 'd10'))
  produced(10, migrate('--src', src, '--dest', join(dir, 'd10')).status)
  removeRow(dest)
  produced(7, synapseMigrator(['verify', '--src', src, '--dest', dest]).status)
  produced(1, spawnSync(process.execPath, ['--input-type=module', '-e', INTERNAL]).status)

  for (const [code, status] of seen) assert.equal(status, code)
  assert.deepEqual(
    [...seen.keys()].sort((a, b) => a - b),
    Object.values(ExitCode),
  )

  async function signalled(signal: 'SIGINT' | 'SIGTERM'): Promise<number | null> {
    // What the run before has left is begun: it is made again on request only.
    const args = [BIN, '--src', src, '--dest', dest, '--restart', '-v']
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    child.stderr.on('data', (text) => {
      if (String(text).includes('Starting node migration')) child.kill(signal)
    })
    return new Promise((resolve) => child.on('close', resolve))
  }
})

test('the README says of each exit code what EXIT_MEANINGS says', () => {
  const rows = [...readFileSync('README.md', 'utf8').matchAll(/^\| ([\d, ]+) \| (.*) \|$/gm)].flatMap(
    ([, codes, meaning]) => codes.split(', ').map((code) => [code, meaning.replaceAll('`', '')]),
  )
  assert.deepEqual(Object.fromEntries(rows), EXIT_MEANINGS)
})

test('SYN_LOG_LEVEL that is no level ends both tools with 2 and one sentence, before they do anything', (t) => {
  const dir = tempDir(t)
  const env = { ...process.env, SYN_LOG_LEVEL: 'bogus' }
  for (const [program, ...args] of [
    ['migrate_020', '--src', dir, '--dest', join(dir, 'dest')],
    ['sync_020', join(dir, 'sync')],
  ]) {
    const bin = join(fixture('..'), '..', 'bin', `${program}.mjs`)
    const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], { env, encoding: 'utf8' })
    assert.deepEqual([status, stdout], [2, ''], program)
    assert.equal(
      stderr,
      'error: Cannot use SYN_LOG_LEVEL "bogus": it is not a log level\n' +
        'hint: Choose from DEBUG, INFO, WARNING, ERROR, CRITICAL, or unset SYN_LOG_LEVEL\n',
      program,
    )
    assert.deepEqual(readdirSync(dir), [], program)
  }
})

test('migrate_020 --help says of each exit code what EXIT_MEANINGS says', () => {
  const { stdout } = migrate('--help')
  const [, listed] = stdout.split('\nExit codes:\n')
  const shown = listed
    .replace(/\n {7}(?=\S)/g, ' ')
    .trimEnd()
    .split('\n')
  const expected = Object.values(ExitCode).map((code) => `${String(code).padStart(5)}  ${EXIT_MEANINGS[code]}`)
  assert.deepEqual(shown, expected)
})

/** What nobody has foreseen: no user should ever get there. */
const INTERNAL = `
  const { reportFailure } = await import('${join(import.meta.dirname, '..', '..', 'src', 'cli', 'exit.js')}')
  process.exit(reportFailure(new TypeError('of no kind that is known')))
`

/** A source whose pages are zeroed behind the first ones. */
function damaged(dir: string): string {
  const src = unpack('bad/intact/src.tar.gz', dir)
  const file = join(src, 'layers', LAYER, 'layer.lmdb', 'data.mdb')
  const bytes = readFileSync(file)
  writeFileSync(file, bytes.fill(0, 3 * 4096))
  return src
}

/** The lock of a run that lives: this process. */
function lock(dest: string): void {
  plantLock(join(dest, 'migration', 'run.lock'))
}

function removeRow(dest: string): void {
  const path = join(dest, 'layers', LAYER, 'layer_v2.lmdb')
  plant(path, [del('bybuid', rowsOf(path, 'bybuid')[0].key)])
}

test('a full disk below the output is said and no success, and one below the log ends nothing', () => {
  const full = openSync('/dev/full', 'w')
  const ended = (name: string, args: readonly string[], stdio: StdioOptions) => {
    const { status, stderr } = spawnSync(process.execPath, [join(BIN, '..', name), ...args], { stdio, encoding: 'utf8' })
    return [status, stderr]
  }
  const said = /^error: Cannot write to standard output: ENOSPC.*\nhint: Free its disk or send the output elsewhere.*\n$/
  for (const [name, ...args] of [['synapse-migrator.mjs', 'completion', 'bash'], ['sync_020.mjs', '--help']]) {
    const [status, stderr] = ended(name, args, ['ignore', full, 'pipe'])
    assert.equal(status, ExitCode.dest, name)
    assert.match(String(stderr), said, name)
  }
  assert.deepEqual(ended('migrate_020.mjs', ['--bogus'], ['ignore', 'pipe', full]), [ExitCode.usage, null])
  closeSync(full)
}) // biome-ignore format: a table

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatBytes, parseBytes } from '../../src/bytes/size-text.js'
import { AmbiguousOption, completePrefixes } from '../../src/cli/arg-prefixes.js'
import { migrateCommand } from '../../src/cli/migrate-command.js'
import { type ErrorCode, ExitCode, MigrationError } from '../../src/errors.js'
import { fixture, migrate, tempDir, unpack } from '../support/cortex.js'
import { layerDigests } from '../support/row-digest.js'

const bin = join(fixture('..'), '..', 'bin', 'migrate_020.mjs')

test('the exit codes are those that the README lists', () => {
  assert.deepEqual(ExitCode, {
    ok: 0,
    internal: 1,
    usage: 2,
    config: 3,
    preflight: 4,
    source: 5,
    dest: 6,
    differs: 7,
    quarantined: 8,
    resumeRefused: 9,
    locked: 10,
    errorBudget: 11,
    sigint: 130,
    sigterm: 143,
  })
  const codes: Partial<Record<ErrorCode, number>> = {
    ERR_USAGE: 2,
    ERR_CONFIG: 3,
    ERR_PREFLIGHT: 4,
    ERR_LMDB_BINDING: 4,
    ERR_SOURCE: 5,
    ERR_SLAB_FORMAT: 5,
    ERR_SLAB_CORRUPT: 5,
    ERR_SOURCE_CHANGED: 5,
    ERR_DEST: 6,
    ERR_DEST_BOOTED: 4,
    ERR_CHECKPOINT_MISMATCH: 9,
    ERR_LOCKED: 10,
    ERR_ERROR_BUDGET: 11,
    ERR_INTERNAL: 1,
  }
  for (const [code, exitCode] of Object.entries(codes)) {
    assert.equal(new MigrationError(code as ErrorCode, '').exitCode, exitCode, code)
  }
})

test('completePrefixes() takes unique prefixes of long options as argparse does', () => {
  const command = migrateCommand('migrate_020')
  const complete = (...args: string[]) => completePrefixes(command, args)
  assert.deepEqual(complete('--form', '--dump'), ['--form-counts', '--dump-errors'])
  assert.deepEqual(complete('--edit=5', '--log', 'DEBUG'), ['--edit-batchsize=5', '--log-level', 'DEBUG'])
  assert.deepEqual(complete('--src', '--form', '--', '--form'), ['--src', '--form-counts', '--', '--form'])
  assert.deepEqual(complete('--nonesuch', '-x', 'form'), ['--nonesuch', '-x', 'form'])
  assert.deepEqual(complete('--src=--form'), ['--src=--form'])
  assert.deepEqual(complete('--src-'), ['--src-dedicated'])
})

test('completePrefixes() refuses a prefix of several options and names them', () => {
  const command = migrateCommand('migrate_020')
  assert.throws(
    () => completePrefixes(command, ['--s']),
    (err) => {
      assert.ok(err instanceof AmbiguousOption)
      assert.match(err.message, /^ambiguous option: --s could match .*--src.*--safety-off/)
      return true
    },
  )
})

test('parseBytes() and formatBytes() take and give sizes as people write them', () => {
  const sizes: [string, number | null][] = [
    ['512M', 2 ** 29],
    ['2g', 2 ** 31],
    ['1.5 GiB', 1.5 * 2 ** 30],
    ['100', 100],
    ['4kb', 4096],
    ['1T', 2 ** 40],
    ['', null],
    ['-1', null],
    ['5X', null],
    ['M', null],
  ]
  for (const [text, bytes] of sizes) assert.equal(parseBytes(text), bytes, text)
  assert.deepEqual([0, 1023, 1024, 1.5 * 2 ** 20, 2 ** 41].map(formatBytes), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 MiB',
    '2.0 TiB',
  ])
})

test('migrate_020 ends with 2 on a wrong command line and says what is wrong', () => {
  for (const [args, said] of [
    [[], /required option '--src <dir>' not specified/],
    [['--src', 'x'], /Destination dirn must be specified for migration\./],
    [['--src', 'x', '--dest', 'y', '--edit-batchsize', '0'], /--edit-batchsize.*it must be 1 or more/],
    [['--src', 'x', '--dest', 'y', '--fair-iter', '-1'], /--fair-iter.*it must be 1 or more/],
    [['--src', 'x', '--dest', 'y', '--nodelim', '1.5'], /--nodelim.*it is not a whole number/],
    [['--src', 'x', '--dest', 'y', '--workers', '0'], /--workers.*it must be 1 or more/],
    [['--src', 'x', '--dest', 'y', '--memory', '1M'], /--memory.*give 32M or more/],
    [['--src', 'x', '--dest', 'y', '--migr-ops', 'nodes', 'nope'], /--migr-ops.*choose from dirn/],
    [['--src', 'x', '--dest', 'y', '--add-mode', 'fast'], /--add-mode.*choose from nexus, nonexus, editor/],
    [['--src', 'x', '--dest', 'y', '--log-level', 'LOUD'], /--log-level.*choose from DEBUG/],
    [['--src', 'x', '--dest', 'y', '--nonesuch'], /unknown option '--nonesuch'/],
    [['--src', 'x', '--dest', 'y', 'more'], /too many arguments/],
    [['--s', 'x'], /ambiguous option: --s could match/],
    [['--src', 'x', '--dump-errors'], /Destination dirn must be specified to dump errors\./],
  ] as [string[], RegExp][]) {
    const { status, stderr, stdout } = migrate(...args)
    assert.equal(status, 2, `${args.join(' ')}: ${stderr}`)
    assert.match(stderr, said)
    assert.equal(stdout, '')
  }
})

test('migrate_020 ends with 3 for a model file that is not there, and with 5 for a source that is none', (t) => {
  const dir = tempDir(t)
  const dest = join(dir, 'dest')
  const model = migrate('--src', dir, '--dest', dest, '--model', join(dir, 'none.json'))
  assert.equal(model.status, 3, model.stderr)
  assert.match(model.stderr, /error: Cannot read model file ".*none\.json": it does not exist/)
  const source = migrate('--src', join(dir, 'none'), '--dest', dest)
  assert.equal(source.status, 5, source.stderr)
  assert.equal(existsSync(dest), false)
})

test('migrate_020 --help lists every option, and what it says of itself', () => {
  const { status, stdout } = migrate('--help')
  assert.equal(status, 0)
  const options =
    '--src --dest --migr-ops --nodelim --add-mode --edit-batchsize --fair-iter --safety-off --from-last --src-dedicated ' +
    '--dest-dedicated --map-partial --log-level --form-counts --dump-errors --workers --memory --model --restart --help'
  for (const option of options.split(' ')) assert.match(stdout, new RegExp(`^ .*${option}\\b`, 'm'))
})

test('migrate_020 writes log lines to standard error, the summary to standard output, and heeds SYN_LOG_LEVEL', async (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const loud = migrate('--src', src, '--dest', join(dir, 'loud'), '--log-level', 'debug')
  assert.match(loud.stdout, /^Migrated .* in \d+\.\d s\n( {2}layer [0-9a-f]{32}: \d+ of \d+ nodes, .*\n)+/)
  const lines = loud.stderr.trimEnd().split('\n')
  assert.ok(lines.length > 10)
  for (const line of lines) {
    assert.match(
      line,
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \[(DEBUG|INFO|WARNING|ERROR)\] .* \[\w+:synapse-migrator\]$/,
    )
  }
  const child = spawn(process.execPath, [bin, '--src', src, '--dest', join(dir, 'quiet'), '--log-level', 'DEBUG'], {
    env: { ...process.env, SYN_LOG_LEVEL: 'critical' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (text) => {
    stderr += text
  })
  await new Promise((resolve) => child.on('close', resolve))
  assert.equal(stderr, '')
})

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`migrate_020 stops on ${signal} with ${code}, says how to go on, and goes on`, async (t) => {
    const dir = tempDir(t)
    const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
    const dest = join(dir, 'dest')
    const child = spawn(process.execPath, [bin, '-v', '--src', src, '--dest', dest], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let stderr = ''
    child.stderr.on('data', (text) => {
      stderr += text
      if (String(text).includes('Starting node migration')) child.kill(signal)
    })
    const status = await new Promise((resolve) => child.on('close', resolve))
    assert.equal(status, code, stderr)
    assert.match(
      stderr,
      new RegExp(`^Stopped by ${signal}\\. To continue, run the same command with --from-last$`, 'm'),
    )
    assert.equal(migrate('--src', src, '--dest', dest, '--from-last').status, 8)
    assert.equal(Object.keys(layerDigests(dest)).length, 3 * readdirSync(join(src, 'layers')).length)
  })
}

test('migrate_020 names slab and reason when the destination takes no more, ends with 6, and goes on once it does', async (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const calm = join(dir, 'calm')
  assert.equal(migrate('--src', src, '--dest', calm).status, 8)
  const expected = layerDigests(calm)
  // In KiB for each file: first the cell's slab does not fit, then a log of node edits, then the pages of a layer.
  for (const limit of [100, 150, 260]) {
    const dest = join(dir, `limit-${limit}`)
    const limited = ['-c', `ulimit -f ${limit}; exec "$@"`, 'bash', process.execPath, bin, '--src', src, '--dest', dest]
    const child = spawn('bash', limited, { stdio: ['ignore', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.on('data', (text) => {
      stderr += text
    })
    const status = await new Promise((resolve) => child.on('close', resolve))
    assert.equal(status, 6, `${limit} KiB: ${stderr}`)
    assert.match(stderr, /^error: Cannot write (to slab|slab|run) ".*(too large|no space|output error)/im)
    assert.match(stderr, /^hint: /m)
    const resumed = migrate('--src', src, '--dest', dest, '--from-last')
    assert.equal(resumed.status, 8, resumed.stderr)
    assert.deepEqual(layerDigests(dest), expected, `${limit} KiB`)
  }
})

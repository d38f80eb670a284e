import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import * as z from 'zod/mini'
import { metricsSink } from '../../src/cli/status-sinks.js'
import { MigrationError } from '../../src/errors.js'
import { readRuns } from '../../src/report/run-history.js'
import { type OutsideStatus, outsideStatus, statusOf } from '../../src/status/outside-status.js'
import { keepStatus, readStatus } from '../../src/status/status-file.js'
import { fixture, migrate, synapseMigrator, tempDir, unpack } from '../support/cortex.js'
import { plantLock, STRANGER } from '../support/lock.js'

const BIN = join(fixture('..'), '..', 'bin', 'migrate_020.mjs')

/** What a process says that cannot be seen from here. */
const FAR_AWAY = {
  schema_version: 1 as const,
  run_id: 'run',
  version: '1',
  source: 'src',
  dest: 'dest',
  dry_run: false,
  process: {
    host: STRANGER.host ?? '',
    boot_id: '',
    pid_namespace: STRANGER.pidNamespace ?? '',
    pid: 1,
    start_ticks: '',
  },
  started_at: new Date(0).toISOString(),
  updated_at: new Date(0).toISOString(),
  ended_at: null,
  exit_code: null,
  phase: 'verify' as const,
  tasks: [],
  errors: 0,
  failure: null,
}

test('status says of a run that it runs, that it died, and how the next one ended, and changes nothing', async (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  const metrics = join(dir, 'run.prom')
  const args = ['--src', src, '--dest', dest, '--workers', '1', '--metrics-file', metrics]
  const child = spawn(process.execPath, [BIN, ...args, '--json'], { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = new Promise((resolve) => child.on('close', resolve))
  t.after(() => child.kill('SIGKILL'))
  await new Promise<void>((resolve) => {
    let stdout = ''
    child.stdout.on('data', (text) => {
      stdout += text
      if (/"phase":"nodes"/.test(stdout)) resolve()
    })
  })
  child.kill('SIGSTOP')
  const before = readFileSync(join(dest, 'migration', 'status.json'))
  const running = statusJson(dest)
  assert.deepEqual([running.state, running.holder, running.result], ['running', `process ${child.pid}`, null])
  assert.deepEqual([running.run?.phase, running.run?.source, running.run?.process.pid], ['migrate', src, child.pid])
  assert.match(synapseMigrator(['status', dest]).stdout, /: running for .*, migrating\n.*\n.*held by process \d+\n/)
  assert.deepEqual(readFileSync(join(dest, 'migration', 'status.json')), before)
  assert.equal(statSync(join(dest, 'migration', 'status.json')).mode & 0o777, 0o600)
  assert.match(readFileSync(metrics, 'utf8'), /^synapse_migrator_running 1$/m)
  child.kill('SIGKILL')
  await ended
  const died = statusJson(dest)
  assert.deepEqual([died.state, died.holder, died.run?.run_id], ['died', null, running.run?.run_id])
  assert.match(synapseMigrator(['status', dest]).stdout, /: died: .*\n[\s\S]*with --from-last\n$/)
  assert.equal(migrate(...args, '--from-last').status, 8)
  const done = statusJson(dest)
  const run = readRuns(dest)?.at(-1)
  assert.deepEqual([done.state, done.result?.exit_code, done.result?.run_id], ['ended', 8, run?.runId])
  assert.deepEqual([done.run?.phase, done.run?.exit_code, done.run?.ended_at !== null], ['end', 8, true])
  assert.deepEqual(
    done.result?.layers?.map(({ iden, nodes_migrated: nodes }) => [iden, nodes]),
    run?.layers?.map(({ iden, migrated }) => [iden, migrated]),
  )
  assert.match(synapseMigrator(['status', dest]).stdout, /: ended at .* with exit code 8: finished, but/)
  assert.equal(existsSync(join(dest, 'migration', 'status.json.part')), false)
  // The file of metrics is for a collector that runs as somebody else.
  assert.equal(statSync(metrics).mode & 0o777, 0o644)
  const text = readFileSync(metrics, 'utf8')
  for (const line of ['running 0', 'exit_code 8', 'errors 1'])
    assert.match(text, new RegExp(`^synapse_migrator_${line}$`, 'm'))
  const done1 = done.run?.tasks.find(({ phase }) => phase === 'nodes')
  assert.ok(text.includes(`_task_done{phase="nodes",layer="${done1?.layer}",unit="rows"} ${done1?.done}\n`))
})

test('status of a run that only its own records tell of says what these say', async (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  assert.equal(migrate('--src', src, '--dest', dest, '--workers', '1').status, 0)
  const status = readStatus(dest)
  assert.ok(status)
  const tell = () => {}
  // A run that ended, and whatever else holds the destination since.
  plantLock(join(dest, 'migration', 'run.lock'))
  const held = await statusOf(dest, tell)
  assert.deepEqual([held.state, held.holder], ['ended', `process ${process.pid}`])
  rmSync(join(dest, 'migration', 'run.lock'))
  rmSync(join(dest, 'migration', 'status.json'))
  const old = await statusOf(dest, tell)
  assert.deepEqual([old.state, old.run, old.result?.exit_code], ['ended', null, 0])
  // A state that an earlier run has left does not pass for that of the last one.
  keepStatus(dest, { ...status, run_id: 'earlier', started_at: new Date(0).toISOString(), ended_at: null }, true)
  assert.deepEqual(await statusOf(dest, tell), old)
  rmSync(join(dest, 'migration', 'runs.json'))
  rmSync(join(dest, 'migration', 'status.json'))
  assert.equal((await statusOf(dest, tell)).state, 'none')
})

test('status watches a process of another container, and knows it dead when it says nothing more', async (t) => {
  const dest = tempDir(t)
  mkdirSync(join(dest, 'migration'))
  const status = { ...FAR_AWAY, dest }
  keepStatus(dest, status, true)
  const said: string[] = []
  assert.equal((await statusOf(dest, (text) => said.push(text), 500)).state, 'died')
  assert.match(said.join(), /^Process 1 of "container" cannot be seen from here/)
  const alive = statusOf(dest, () => keepStatus(dest, { ...status, updated_at: new Date(1).toISOString() }, true), 5000)
  assert.equal((await alive).state, 'running')
  const over = { ...status, ended_at: new Date(2).toISOString(), updated_at: new Date(2).toISOString(), exit_code: 0 }
  const ended = await statusOf(dest, () => keepStatus(dest, over, true), 5000)
  assert.deepEqual([ended.state, ended.run?.exit_code], ['ended', 0])
  // A file that goes tells of no life.
  keepStatus(dest, status, true)
  const file = join(dest, 'migration', 'status.json')
  assert.equal((await statusOf(dest, () => rmSync(file), 500)).state, 'died')
  keepStatus(dest, status, true)
  // Who comes later keeps the file.
  assert.equal(keepStatus(dest, { ...status, run_id: 'other' }, false), false)
  assert.equal(readStatus(dest)?.run_id, 'run')
  // What somebody has removed is written again.
  rmSync(join(dest, 'migration', 'status.json'))
  assert.equal(keepStatus(dest, status, false), true)
  assert.equal(readStatus(dest)?.run_id, 'run')
})

test('status of no destination, and metrics that cannot be written, are refused', (t) => {
  const dir = tempDir(t)
  const none = synapseMigrator(['status', dir])
  assert.deepEqual([none.status, /there is no .*migration\nhint: /.test(none.stderr)], [4, true])
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const run = (path: string) => migrate('--src', src, '--dest', join(dir, 'dest'), '--metrics-file', path)
  assert.match(run(join(dir, 'none', 'file')).stderr, /^error: Cannot write the metrics to ".*": ENOENT/m)
  const inside = run(join(src, 'file'))
  assert.deepEqual([inside.status, existsSync(join(src, 'file')), existsSync(join(dir, 'dest'))], [2, false, false])
})

test('a file of metrics that cannot be written for a while is written again, and that is said once', (t) => {
  const dir = tempDir(t)
  const said: string[] = []
  const path = join(dir, 'metrics', 'run.prom')
  mkdirSync(join(dir, 'metrics'))
  const sink = metricsSink(path, join(dir, 'src'), (_, text) => said.push(text))
  sink(FAR_AWAY)
  rmSync(join(dir, 'metrics'), { recursive: true })
  sink(FAR_AWAY)
  sink(FAR_AWAY)
  assert.equal(said.length, 1)
  assert.match(said[0], /^Cannot write the metrics: ENOENT/)
  mkdirSync(join(dir, 'metrics'))
  sink({ ...FAR_AWAY, errors: 5 })
  assert.match(readFileSync(path, 'utf8'), /^synapse_migrator_errors 5$/m)
  // One that cannot be written at all ends the run, and its end must be told all the same.
  const none = metricsSink(join(dir, 'none', 'run.prom'), join(dir, 'src'), () => {})
  assert.throws(() => none(FAR_AWAY), MigrationError)
  none(FAR_AWAY)
})

test('docs/status.schema.json is the schema of status --json, and docs/json-lines.md names its fields and all metrics', () => {
  const schema = JSON.parse(readFileSync('docs/status.schema.json', 'utf8'))
  assert.deepEqual(schema, JSON.parse(JSON.stringify(z.toJSONSchema(outsideStatus))))
  const text = readFileSync('docs/json-lines.md', 'utf8')
  for (const name of Object.keys(schema.properties)) assert.ok(text.includes(`\`${name}\``), name)
  const source = readFileSync('src/status/metrics-text.ts', 'utf8')
  const names = [...source.matchAll(/\badd\('(\w+)'/g)].map(([, name]) => name)
  assert.ok(names.length > 8)
  for (const name of names) assert.ok(text.includes(`\`synapse_migrator_${name}\``), name)
})

function statusJson(dest: string): OutsideStatus {
  const { status, stdout, stderr } = synapseMigrator(['status', dest, '--json'])
  assert.equal(status, 0, stderr)
  return outsideStatus.parse(JSON.parse(stdout))
}

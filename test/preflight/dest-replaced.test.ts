import assert from 'node:assert/strict'
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { encode } from '../../src/bytes/msgpack.js'
import { copyCortex, migrate, synapseMigrator, tempDir, unpack } from '../support/cortex.js'
import { dumpCortex } from '../support/dump.js'
import { runMigrator } from '../support/migrator.js'
import { plant, put } from '../support/plant.js'

/** A source and its finished destination; made once. */
const made = (() => {
  const dir = tempDir({ after })
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  assert.equal(migrate('--src', src, '--dest', dest, '--workers', '1').status, 0)
  return { src, dest, dump: dumpCortex(dest) }
})()

const BOTH_WAYS = /hint: .*--from-last.*--restart\n$/

test('a run onto a finished migration is refused with both ways on, and nothing is touched; preflight says the same', (t) => {
  const dest = copyCortex(made.dest, join(tempDir(t), 'dest'))
  const { status, stderr } = run(dest)
  assert.equal(status, 4, stderr)
  assert.match(
    stderr,
    /^error: Cannot migrate into ".*": it holds a finished migration, this run would replace .*slabs/m,
  )
  assert.match(stderr, /; nodes of layer \w{32}; nodedata of layer \w{32}; splices of layer \w{32}$/m)
  assert.match(stderr, BOTH_WAYS)
  assert.deepEqual(dumpCortex(dest), made.dump)
  const checked = synapseMigrator(['preflight', '--src', made.src, '--dest', dest])
  assert.equal(checked.status, 4)
  assert.match(checked.stdout, /^problem: Cannot migrate into ".*": it holds a finished migration/m)
  assert.match(checked.stdout, /It would be refused: 1 problem/)
  for (const way of ['--from-last', '--restart']) {
    assert.match(synapseMigrator(['preflight', '--src', made.src, '--dest', dest, way]).stdout, /^It would start/m)
    assert.equal(run(dest, way).status, 0)
  }
  assert.equal(run(dest, '--from-last', '--restart').status, 2)
})

test('a run onto an unfinished migration is refused with both ways on, from its first instant', async (t) => {
  const dir = tempDir(t)
  const lines = ['Starting cortex dirn migration', 'Completed Cron migration', 'Completed HiveAuth migration']
  for (const [i, line] of lines.entries()) {
    const destDir = join(dir, `dest-${i}`)
    const killed = await runMigrator(
      { srcDir: made.src, destDir },
      {
        onLog: (text, kill) => {
          if (text.includes(line)) kill('SIGKILL')
        },
      },
    )
    assert.equal(killed.signal, 'SIGKILL', killed.stderr)
    const { status, stderr } = run(destDir)
    // Before the first file is copied there is nothing to lose.
    if (status === 0) assert.equal(line, 'Starting cortex dirn migration')
    else {
      assert.equal(status, 4, stderr)
      assert.match(stderr, /it holds an unfinished migration, this run would replace/)
      assert.match(stderr, BOTH_WAYS)
      assert.equal(run(destDir, '--from-last').status, 0)
    }
  }
})

test('steps that replace nothing run without being asked twice, those that do are refused', (t) => {
  const dest = copyCortex(made.dest, join(tempDir(t), 'dest'))
  const cell = 'dmodel cell hivelyr triggers cron hiveauth queues'.split(' ')
  assert.equal(run(dest, '--migr-ops', ...cell).status, 0)
  for (const op of ['dirn', 'nodes', 'nodedata', 'splices']) {
    const { status, stderr } = run(dest, '--migr-ops', op)
    assert.equal(status, 4, op)
    assert.match(stderr, BOTH_WAYS)
  }
  const fresh = join(tempDir(t), 'fresh')
  for (const op of ['dirn', ...cell, 'nodes', 'splices']) assert.equal(run(fresh, '--migr-ops', op).status, 0, op)
  assert.equal(run(fresh, '--migr-ops', 'nodes').status, 4)
})

test('a dry run onto a finished migration is made: it replaces nothing, and warns that the run would be refused', (t) => {
  const dest = copyCortex(made.dest, join(tempDir(t), 'dest'))
  const { status, stderr } = run(dest, '--dry-run')
  assert.equal(status, 0, stderr)
  assert.match(stderr, /Only a dry run is possible this way\. Cannot migrate into/)
  assert.deepEqual(dumpCortex(dest), made.dump)
})

test('a directory with other files is used, but none of the same name is replaced unasked', (t) => {
  const dest = join(tempDir(t), 'dest')
  mkdirSync(join(dest, 'lost+found'), { recursive: true })
  writeFileSync(join(dest, 'notes.txt'), 'mine')
  mkdirSync(join(dest, 'axon'))
  writeFileSync(join(dest, 'axon', 'precious'), 'mine')
  const { status, stderr } = run(dest)
  assert.equal(status, 4)
  assert.match(
    stderr,
    /: it is in use for something else, this run would replace axon\nhint: Give --dest a new directory; /,
  )
  assert.equal(run(dest, '--from-last').status, 0)
  const other = join(tempDir(t), 'other')
  cpSync(join(dest, 'notes.txt'), join(other, 'notes.txt'))
  assert.equal(run(other).status, 0)
})

test('a layer that nobody knows the maker of is never replaced, that of another tool with --restart only', (t) => {
  const dest = copyCortex(made.dest, join(tempDir(t), 'dest'))
  rmSync(join(dest, 'migration', 'checkpoints.lmdb'), { recursive: true })
  for (const args of [[], ['--from-last'], ['--migr-ops', 'nodes']]) {
    const { status, stderr } = run(dest, ...args)
    assert.equal(status, 4)
    assert.match(stderr, /: another tool has migrated layer \w{32}\nhint: Add --restart to replace what it has made/)
  }
  assert.equal(run(copyCortex(dest, join(tempDir(t), 'again')), '--restart').status, 0)
  rmSync(join(dest, 'migration'), { recursive: true })
  for (const args of [[], ['--from-last'], ['--restart']]) {
    const { status, stderr } = run(dest, ...args)
    assert.equal(status, 4)
    assert.match(stderr, /: there is no record of who made layer \w{32}\nhint: Give --dest a new directory\n$/)
  }
})

test('a remote layer is one of the hive that the steps work on: the destination has its own without dirn', (t) => {
  const dir = tempDir(t)
  const iden = 'f'.repeat(32)
  const type = put('hive', Buffer.from(`cortex\0layers\0${iden}\0type`), encode('remote'))
  const dest = copyCortex(made.dest, join(dir, 'dest'))
  plant(join(dest, 'slabs', 'cell.lmdb'), [type])
  const { status, stderr } = run(dest, '--migr-ops', 'cell')
  assert.equal(status, 4)
  assert.match(stderr, new RegExp(`^error: ${iden} is a remote layer - it must be unconfigured to proceed`, 'm'))
  const src = copyCortex(made.src, join(dir, 'src'))
  plant(join(src, 'slabs', 'cell.lmdb'), [type])
  const args = (...ops: string[]) => migrate('--src', src, '--dest', join(dir, 'fresh'), '--migr-ops', ...ops).status
  assert.equal(args('dirn'), 4)
  // The destination has been unconfigured, as the reference's hint says: without dirn its hive counts.
  cpSync(made.dest, join(dir, 'fresh'), { recursive: true })
  assert.equal(args('cell'), 0)
})

function run(dest: string, ...args: string[]) {
  return migrate('--src', made.src, '--dest', dest, '--workers', '1', ...args)
}

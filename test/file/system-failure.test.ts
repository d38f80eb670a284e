import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ExitCode, MigrationError } from '../../src/errors.js'
import { knownFailure, runError } from '../../src/file/system-failure.js'
import { fromWire, toWire } from '../../src/thread/wire-error.js'
import { tempDir } from '../support/cortex.js'

function caught(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  assert.fail('nothing was thrown')
}

test('a call that the system refuses in another thread is the destination’s or the source’s, and no bug', (t) => {
  const dir = tempDir(t)
  const dirs = { srcDir: join(dir, 'src'), destDir: join(dir, 'dest') }
  for (const [act, exitCode, begins] of [
    [() => mkdirSync(join(dirs.destDir, 'slabs')), ExitCode.dest, 'Cannot write to the destination: ENOENT'],
    [() => mkdirSync(`${dirs.destDir}/slabs/cell.lmdb`), ExitCode.dest, 'Cannot write to the destination: ENOENT'],
    [() => readFileSync(join(dirs.srcDir, 'cell.yaml')), ExitCode.source, 'Cannot read the source: ENOENT'],
  ] as const) {
    const error = runError(fromWire(toWire(caught(act))), dirs)
    assert.ok(error instanceof MigrationError)
    assert.equal(error.exitCode, exitCode)
    assert.ok(error.message.startsWith(begins), error.message)
    assert.ok(error.hint)
  }
})

test('a full disk and too many open files are known for what they are where no path is known', () => {
  const refused = (code: string) =>
    runError(Object.assign(new Error(`${code}: refused, write`), { code, syscall: 'write' }), {
      srcDir: 's',
      destDir: 'd',
    })
  for (const code of ['ENOSPC', 'EDQUOT', 'EIO', 'EMFILE']) {
    const error = refused(code)
    assert.ok(error instanceof MigrationError)
    assert.equal(error.exitCode, ExitCode.dest)
  }
})

test('too many open files are told as that, and not as a source or a destination that cannot be read', () => {
  const dirs = { srcDir: '/the/source', destDir: '/the/dest' }
  for (const code of ['EMFILE', 'ENFILE']) {
    for (const path of ['/the/source/layer/data.mdb', '/the/dest/layer/data.mdb', '/elsewhere', undefined]) {
      const error = runError(Object.assign(new Error(`${code}: refused`), { code, syscall: 'open', path }), dirs)
      assert.ok(error instanceof MigrationError)
      assert.equal(error.exitCode, ExitCode.dest)
      assert.match(error.hint ?? '', /^Raise the limit of open files/)
    }
  }
})

test('a destination that a run only reads is one that cannot be read, and nothing is to be continued', () => {
  const dirs = { srcDir: '/the/source', destDir: '/the/dest' }
  const refused = Object.assign(new Error('EIO: i/o error, read'), {
    code: 'EIO',
    syscall: 'read',
    path: '/the/dest/layers/data.mdb',
  })
  const error = runError(refused, dirs, 'read')
  assert.ok(error instanceof MigrationError)
  assert.equal(error.exitCode, ExitCode.dest)
  assert.equal(error.message, 'Cannot read the destination: EIO: i/o error, read')
  assert.doesNotMatch(error.hint ?? '', /--from-last/)
})

test('a command without a destination that cannot read says so, and not that it cannot write', () => {
  for (const syscall of ['read', 'scandir', 'fstat']) {
    const refused = Object.assign(new Error(`EIO: i/o error, ${syscall}`), { code: 'EIO', syscall })
    assert.equal(knownFailure(refused)?.message, `Cannot read a file: EIO: i/o error, ${syscall}`)
    assert.equal(knownFailure(refused)?.exitCode, ExitCode.source)
    assert.match(knownFailure(refused, 'write to')?.message ?? '', /^Cannot write to the destination/)
  }
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' })
  assert.match(knownFailure(full)?.message ?? '', /^Cannot write to the destination/)
})

test('what is no refusal of the system, or of a file that is nobody’s, stays what it is', () => {
  const dirs = { srcDir: '/no/src', destDir: '/no/dest' }
  for (const error of [
    new TypeError('x is not a function'),
    caught(() => readFileSync('/no/source')),
    caught(() => readFileSync('/no/destination')),
    new MigrationError('ERR_LOCKED', 'held'),
  ]) {
    assert.equal(runError(error, dirs), error)
  }
})

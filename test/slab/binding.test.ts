import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { checkBinding, loadLmdb } from '../../src/slab/binding.js'

const projectDir = join(import.meta.dirname, '..', '..', '..')

test('checkBinding() takes LMDB of data format 1 and refuses data format 2 with the command that cures it', () => {
  checkBinding({ major: 0, minor: 9, patch: 29 })
  checkBinding({ major: 0, minor: 9, patch: 70 })
  for (const version of [
    { major: 0, minor: 9, patch: 90 },
    { major: 1, minor: 0, patch: 0 },
  ]) {
    assert.throws(() => checkBinding(version), {
      code: 'ERR_LMDB_BINDING',
      message: /data format 2, expected data format 1$/,
      hint: /^run: node \/.*\/bin\/setup-lmdb\.mjs$/,
    })
  }
})

test('loadLmdb() takes the binding that setup-lmdb builds', async () => {
  assert.equal(typeof (await loadLmdb()).open, 'function')
})

test('loadLmdb() refuses the prebuilt binding, which would crash on a Synapse slab', () => {
  const dir = mkdtempSync(join(tmpdir(), 'binding-'))
  try {
    hideBuiltBinding(dir)
    const child = loadIn(dir)
    assert.equal(child.status, 0, child.stderr)
    assert.match(
      child.stdout,
      /^ERR_LMDB_BINDING 4 Cannot use the lmdb binding: it is LMDB 0\.9\.\d+ with data format 2/,
    )
  } finally {
    rmSync(dir, { recursive: true })
  }
})

test('loadLmdb() says what to do when there is no binding at all', () => {
  const dir = mkdtempSync(join(tmpdir(), 'binding-'))
  try {
    hideBuiltBinding(dir)
    rmSync(join(dir, 'node_modules', '@lmdb'), { recursive: true })
    const child = loadIn(dir)
    assert.equal(child.status, 0, child.stderr)
    assert.match(child.stdout, /^ERR_LMDB_BINDING 4 Cannot load the lmdb binding: it is not built for this Node/)
  } finally {
    rmSync(dir, { recursive: true })
  }
})

/** Makes a copy of the package in which `lmdb` has its published binary only. */
function hideBuiltBinding(dir: string): void {
  const lmdbDir = dirname(dirname(createRequire(import.meta.url).resolve('lmdb')))
  const modules = join(dir, 'node_modules')
  mkdirSync(join(modules, '@lmdb'), { recursive: true })
  cpSync(lmdbDir, join(modules, 'lmdb'), {
    recursive: true,
    filter: (path) => !path.startsWith(join(lmdbDir, 'build')) && !path.startsWith(join(lmdbDir, 'dependencies')),
  })
  const prebuilt = `lmdb-${process.platform}-${process.arch}`
  cpSync(join(dirname(lmdbDir), '@lmdb', prebuilt), join(modules, '@lmdb', prebuilt), { recursive: true })
  for (const name of [
    'msgpackr',
    'ordered-binary',
    'weak-lru-cache',
    'node-gyp-build-optional-packages',
    'detect-libc',
    '@harperfast',
  ]) {
    symlinkSync(join(dirname(lmdbDir), name), join(modules, name))
  }
  cpSync(join(projectDir, 'package.json'), join(dir, 'package.json'))
  cpSync(join(projectDir, 'dist', 'src', 'slab'), join(dir, 'dist', 'src', 'slab'), { recursive: true })
  cpSync(join(projectDir, 'dist', 'src', 'errors.js'), join(dir, 'dist', 'src', 'errors.js'))
}

function loadIn(dir: string): { status: number | null; stdout: string; stderr: string } {
  const code = `import { loadLmdb } from './dist/src/slab/binding.js'
    loadLmdb().then(() => console.log('loaded'), (err) => console.log(err.code, err.exitCode, err.message))`
  return spawnSync(process.execPath, ['--input-type=module', '-e', code], { cwd: dir, encoding: 'utf8' })
}

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { bindingEnv, checkBinding, lmdbPackageDir, lmdbPackageVersion, loadLmdb } from '../../src/slab/binding.js'

const projectDir = join(import.meta.dirname, '..', '..', '..')
const tuple = `${process.platform}-${process.arch}`
/** The binding of this machine, which the tests run with. */
const binding = bindingFile()

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
      hint: /^Build it on this machine: node \/.*\/bin\/synapse-migrator\.mjs setup$/,
    })
  }
})

test('loadLmdb() loads a binding, and leaves the environment as it was', async () => {
  const before = { ...process.env }
  assert.equal(typeof (await loadLmdb()).open, 'function')
  assert.deepEqual({ ...process.env }, before)
})

test('loadLmdb() refuses the published binding, which would crash on a Synapse slab', () => {
  withPackage((dir) => {
    const { stdout, stderr } = loadIn(dir)
    assert.match(
      stdout,
      /^ERR_LMDB_BINDING 4 Cannot use the LMDB binding: it is LMDB 0\.9\.\d+ with data format 2/,
      stderr,
    )
  })
})

test('loadLmdb() says what was looked for when there is no binding at all', () => {
  withPackage((dir) => {
    rmSync(join(dir, 'node_modules', '@lmdb'), { recursive: true })
    const { stdout, stderr } = loadIn(dir)
    assert.match(
      stdout,
      /^ERR_LMDB_BINDING 4 Cannot load the LMDB binding: No native build was found for platform=/,
      stderr,
    )
  })
})

test('loadLmdb() takes the binding of the package, in a thread too, and one compiled on this machine before it', () => {
  withPackage((dir) => {
    put(join(dir, 'prebuilds', tuple))
    assert.equal(loadIn(dir).stdout, 'loaded\n')
    writeFileSync(
      join(dir, 'main.mjs'),
      `import { Worker } from 'node:worker_threads'
       new Worker(new URL('thread.mjs', import.meta.url))`,
    )
    const { stdout, stderr } = run(dir, ['main.mjs'])
    assert.equal(stdout, 'loaded\n', stderr)

    // Two kept elsewhere, of which the first is no binding: it is the one that is taken.
    const version = lmdbPackageVersion()
    put(join(dir, 'cache', 'synapse-migrator', `lmdb-${version}`, 'prebuilds', tuple))
    assert.equal(loadIn(dir).stdout, 'loaded\n')
    const own = join(dir, 'build', `lmdb-${version}`, 'prebuilds', tuple)
    mkdirSync(own, { recursive: true })
    writeFileSync(join(own, 'node.napi.node'), 'none')
    assert.match(
      loadIn(dir).stdout,
      /^ERR_LMDB_BINDING 4 Cannot load the LMDB binding: .*invalid ELF header|file too short|mach-o/,
    )
  })
})

test('setup compiles a binding where there is none, keeps it outside of the packages, and then finds it', () => {
  withPackage((dir) => {
    const compiler = fakeCompiler(dir, `cp ${binding} "$out"`)
    const first = setUp(dir, { CXX: compiler })
    assert.equal(first.status, 0, first.stderr)
    const lines = first.stderr.trim().split('\n')
    assert.match(lines[0], /^LMDB binding: LMDB 0\.9\.\d+ has data format 2$/)
    assert.match(
      lines[1],
      /^LMDB binding: compiling it for data format 1 with .*fake-cxx, this takes about a minute …$/,
    )
    assert.match(
      lines[2],
      /^LMDB binding: data format 1 \(LMDB 0\.9\.\d+\), compiled into .*\/build\/lmdb-[^/]+\/prebuilds\//,
    )
    assert.equal(lines.length, 3)
    assert.equal(loadIn(dir).stdout, 'loaded\n')
    const again = setUp(dir, { CXX: '/nonexistent' })
    assert.match(again.stderr, /^LMDB binding: data format 1 \(LMDB 0\.9\.\d+\), nothing to build\n$/)
  })
})

test('setup names the true cause when it cannot compile', () => {
  withPackage((dir) => {
    const none = setUp(dir, { PATH: dir })
    assert.equal(none.status, 4)
    assert.match(none.stderr, /no C\+\+ compiler was found \(tried c\+\+, g\+\+, clang\+\+\)/)
    assert.match(none.stderr, /apt-get install g\+\+/)

    const broken = setUp(dir, { CXX: fakeCompiler(dir, 'echo "env.cpp:3:1: fatal error: no such thing" >&2; exit 1') })
    assert.equal(broken.status, 4)
    assert.match(broken.stderr, /Cannot compile the LMDB binding: .*fake-cxx: env\.cpp:3:1: fatal error: no such thing/)

    const useless = setUp(dir, { CXX: fakeCompiler(dir, 'echo none > "$out"') })
    assert.equal(useless.status, 4)
    assert.match(useless.stderr, /Cannot use the compiled LMDB binding .*\.node: /)
    rmSync(join(dir, 'build'), { recursive: true })

    rmSync(join(dir, 'node_modules', 'lmdb', 'src', 'env.cpp'))
    const incomplete = setUp(dir, { CXX: fakeCompiler(dir, 'exit 1') })
    assert.equal(incomplete.status, 4)
    assert.match(incomplete.stderr, /Cannot compile the LMDB binding: .*\/src\/env\.cpp is missing/)
    assert.equal(existsSync(join(dir, 'build', `lmdb-${lmdbPackageVersion()}`, 'prebuilds')), false)
  })
})

function bindingFile(): string {
  const lmdbDir = lmdbPackageDir()
  const { path } = createRequire(join(lmdbDir, 'package.json'))('node-gyp-build-optional-packages') as {
    path(dir: string): string
  }
  const before = { ...process.env }
  Object.assign(process.env, bindingEnv())
  const file = path(lmdbDir)
  if (before.LMDB_PREBUILD === undefined) delete process.env.LMDB_PREBUILD
  return file
}

function put(dir: string): void {
  mkdirSync(dir, { recursive: true })
  copyFileSync(binding, join(dir, 'node.napi.node'))
}

/** Makes a copy of the package in which `lmdb` has its published binary only, and hands its directory on. */
function withPackage(use: (dir: string) => void): void {
  const dir = mkdtempSync(join(tmpdir(), 'binding-'))
  try {
    const lmdbDir = lmdbPackageDir()
    const modules = join(dir, 'node_modules')
    mkdirSync(join(modules, '@lmdb'), { recursive: true })
    cpSync(lmdbDir, join(modules, 'lmdb'), {
      recursive: true,
      filter: (path) => !path.startsWith(join(lmdbDir, 'build')),
    })
    const published = `lmdb-${tuple}`
    cpSync(join(dirname(lmdbDir), '@lmdb', published), join(modules, '@lmdb', published), { recursive: true })
    for (const name of [
      'msgpackr',
      'ordered-binary',
      'weak-lru-cache',
      'node-addon-api',
      'node-api-headers',
      'node-gyp-build-optional-packages',
      'detect-libc',
      '@harperfast',
    ]) {
      symlinkSync(join(dirname(lmdbDir), name), join(modules, name))
    }
    cpSync(join(projectDir, 'package.json'), join(dir, 'package.json'))
    cpSync(join(projectDir, 'dist', 'src', 'slab'), join(dir, 'dist', 'src', 'slab'), { recursive: true })
    cpSync(join(projectDir, 'dist', 'src', 'errors.js'), join(dir, 'dist', 'src', 'errors.js'))
    writeFileSync(join(dir, 'thread.mjs'), LOAD)
    use(dir)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const LOAD = `import { loadLmdb } from './dist/src/slab/binding.js'
  loadLmdb().then(() => console.log('loaded'), (error) => console.log(error.code, error.exitCode, error.message))`

function loadIn(dir: string) {
  return run(dir, ['--input-type=module', '-e', LOAD])
}

function setUp(dir: string, env: NodeJS.ProcessEnv) {
  const code = `import { setupBinding } from './dist/src/slab/setup-binding.js'
    setupBinding((line) => console.error(line)).catch((error) => {
      console.error(error.message + '\\n' + error.hint)
      process.exitCode = error.exitCode
    })`
  return run(dir, ['--input-type=module', '-e', code], env)
}

function run(dir: string, args: string[], env: NodeJS.ProcessEnv = {}) {
  return spawnSync(process.execPath, args, {
    cwd: dir,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: dir, XDG_CACHE_HOME: join(dir, 'cache'), ...env },
  })
}

/** A compiler that does `work` to the file that it should link. */
function fakeCompiler(dir: string, work: string): string {
  const file = join(dir, 'fake-cxx')
  const script = `#!/bin/sh
case "$*" in *--version*) exit 0;; esac
while [ $# -gt 0 ]; do [ "$1" = -o ] && out=$2; shift; done
case "$out" in *.o) : > "$out";; *) ${work};; esac
`
  writeFileSync(file, script)
  chmodSync(file, 0o755)
  return file
}

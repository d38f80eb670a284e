import { spawnSync } from 'node:child_process'
import { accessSync, constants, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { MigrationError } from '../errors.js'
import { bindingEnv, compiledDirs, isFormat1, lmdbPackageDir } from './binding.js'
import { compileBinding, type Toolchain } from './compile-binding.js'

/** The result of loading `lmdb` in a fresh process: its LMDB version, or why it did not load. */
interface Found {
  readonly version: string | null
  readonly isUsable: boolean
  readonly reason: string
}

/**
 * Makes sure that this machine has an LMDB binding of data format 1: compiles one unless the package or an earlier
 * setup has it. Reports each step to `say`.
 *
 * @throws {MigrationError} ERR_LMDB_BINDING with the root cause when there is still none at the end
 */
export async function setupBinding(say: (line: string, isNews: boolean) => void): Promise<void> {
  const before = probe(bindingEnv())
  if (before.isUsable) {
    say(`LMDB binding: data format 1 (LMDB ${before.version}), nothing to build`, false)
    return
  }
  say(`LMDB binding: ${before.version === null ? before.reason : `LMDB ${before.version} has data format 2`}`, true)
  const toolchain = findToolchain()
  const dir = writableDir()
  const file = join(dir, 'prebuilds', `${process.platform}-${process.arch}`, fileName())
  say(`LMDB binding: compiling it for data format 1 with ${toolchain.cxx.join(' ')}, this takes about a minute …`, true)
  await compileBinding(file, toolchain)
  const after = probe({ LMDB_PREBUILD: dir })
  if (!after.isUsable) {
    const found = after.version === null ? after.reason : `it reports LMDB ${after.version}`
    throw new MigrationError('ERR_LMDB_BINDING', `Cannot use the compiled LMDB binding ${file}: ${found}`)
  }
  say(`LMDB binding: data format 1 (LMDB ${after.version}), compiled into ${file}`, true)
}

/**
 * Loads `lmdb` in a process of its own: a process cannot replace what it has loaded, and a wrong binding may crash it.
 */
function probe(env: { LMDB_PREBUILD?: string }): Found {
  const code = `import('lmdb').then(
    ({ version: v }) => console.log(JSON.stringify({ major: v.major, minor: v.minor, patch: v.patch })),
    (error) => { console.error(error.message.split('\\n', 1)[0]); process.exitCode = 1 })`
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    cwd: lmdbPackageDir(),
    env: { ...process.env, ...env },
    encoding: 'utf8',
  })
  if (child.status !== 0) {
    const reason = child.stderr.trim() || `loading it ended with ${child.signal ?? child.status}`
    return { version: null, isUsable: false, reason }
  }
  const version = JSON.parse(child.stdout) as { major: number; minor: number; patch: number }
  return {
    version: `${version.major}.${version.minor}.${version.patch}`,
    isUsable: isFormat1(version),
    reason: '',
  }
}

function findToolchain(): Toolchain {
  const { CC, CXX } = process.env
  const pairs = CXX
    ? [[CC || CXX, CXX]]
    : [
        ['cc', 'c++'],
        ['gcc', 'g++'],
        ['clang', 'clang++'],
      ]
  const found = pairs.map((pair) => pair.map((command) => command.split(' '))).find((pair) => pair.every(runs))
  if (!found) {
    const tried = pairs.map(([, cxx]) => cxx).join(', ')
    throw new MigrationError(
      'ERR_LMDB_BINDING',
      `Cannot compile the LMDB binding: no C++ compiler was found (tried ${tried})`,
      {
        hint:
          'Install one (Debian, Ubuntu: apt-get install g++; Fedora, RHEL: dnf install gcc-c++; Alpine: apk add g++; ' +
          'macOS: xcode-select --install), or name it by CXX and CC. The portable archive needs none.',
      },
    )
  }
  const link = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : ['-s']
  return { cc: found[0], cxx: found[1], link }
}

function runs([command, ...args]: string[]): boolean {
  return spawnSync(command, [...args, '--version'], { stdio: 'ignore' }).status === 0
}

function writableDir(): string {
  const dirs = compiledDirs()
  const found = dirs.find((dir) => {
    try {
      mkdirSync(dir, { recursive: true })
      accessSync(dir, constants.W_OK)
      return true
    } catch {
      return false
    }
  })
  if (found) return found
  throw new MigrationError(
    'ERR_LMDB_BINDING',
    `Cannot keep a compiled LMDB binding: cannot write ${dirs.join(' or ')}`,
    {
      hint: 'Run the command as a user who can write one of them, or set XDG_CACHE_HOME to a directory that can be written.',
    },
  )
}

/** The name that `lmdb` looks for; it includes the C library, as a binding for one does not work with another. */
function fileName(): string {
  if (process.platform !== 'linux') return 'node.napi.node'
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }
  return `node.napi.${header.glibcVersionRuntime === undefined ? 'musl' : 'glibc'}.node`
}

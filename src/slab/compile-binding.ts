import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, tmpdir } from 'node:os'
import { basename, dirname, extname, join } from 'node:path'
import { MigrationError } from '../errors.js'
import { lmdbPackageDir } from './binding.js'

/** How to call the compilers: each is a command and its first arguments. */
export interface Toolchain {
  readonly cc: readonly string[]
  readonly cxx: readonly string[]
  /** More linker flags. */
  readonly link: readonly string[]
}

/**
 * The sources that lmdb's binding.gyp lists for data format 1. The list can be fixed because `lmdb` has an exact
 * version.
 */
const SOURCES = [
  'dependencies/lmdb-data-v1/libraries/liblmdb/mdb.c',
  'dependencies/lmdb-data-v1/libraries/liblmdb/midl.c',
  'dependencies/lmdb/libraries/liblmdb/chacha8.c',
  'dependencies/lz4/lib/lz4.c',
  'src/lmdb-js.cpp',
  'src/writer.cpp',
  'src/env.cpp',
  'src/compression.cpp',
  'src/ordered-binary.cpp',
  'src/misc.cpp',
  'src/txn.cpp',
  'src/dbi.cpp',
  'src/cursor.cpp',
  'src/v8-functions.cpp',
]
const INCLUDES = ['dependencies/lmdb-data-v1/libraries/liblmdb', 'dependencies/lz4/lib']

/** Without ENABLE_V8_API the binding uses Node-API symbols only, so one file works for every release of Node. */
const DEFINES = [
  'MDB_MAXKEYSIZE=0',
  'MDB_USE_ROBUST',
  'NAPI_DISABLE_CPP_EXCEPTIONS',
  'NODE_GYP_MODULE_NAME=lmdb',
  'BUILDING_NODE_EXTENSION',
  '_FILE_OFFSET_BITS=64',
]
const FLAGS = ['-O3', '-fPIC', '-pthread', '-fvisibility=hidden', '-w']
const CXX_FLAGS = ['-std=gnu++17', '-fno-rtti', '-fno-exceptions', '-fvisibility-inlines-hidden']

/**
 * Compiles the binding of the npm package `lmdb` for data format 1 into the file `to`. Either the whole file appears or
 * none. Needs only a C++ compiler: no Python, no `make`, no headers of Node, no network.
 *
 * @throws {MigrationError} ERR_LMDB_BINDING when sources are missing or a compiler fails; the message has the
 *   compiler's first error
 */
export async function compileBinding(to: string, { cc, cxx, link }: Toolchain): Promise<void> {
  const lmdbDir = lmdbPackageDir()
  for (const source of SOURCES) {
    if (!existsSync(join(lmdbDir, source))) fail(`${join(lmdbDir, source)} is missing`, 'Install the packages again.')
  }
  const workDir = mkdtempSync(join(tmpdir(), 'lmdb-binding-'))
  try {
    // misc.cpp includes it, but only needs it for V8.
    writeFileSync(join(workDir, 'node_version.h'), '')
    const includes = [workDir, napiDir(lmdbDir), headersDir(), ...INCLUDES.map((dir) => join(lmdbDir, dir))]
    // LMDB's asserts contain file names: keep the paths of the build machine out of them.
    const flags = [
      `-ffile-prefix-map=${lmdbDir}=lmdb`,
      ...FLAGS,
      ...DEFINES.map((name) => `-D${name}`),
      ...includes.map((dir) => `-I${dir}`),
    ]
    const objects = SOURCES.map((source) => join(workDir, `${basename(source)}.o`))
    const commands = SOURCES.map((source, i) => {
      const compiler = extname(source) === '.c' ? cc : [...cxx, ...CXX_FLAGS]
      return [...compiler, ...flags, '-c', join(lmdbDir, source), '-o', objects[i]]
    })
    const waiting = [...commands]
    const work = async () => {
      for (let command = waiting.shift(); command; command = waiting.shift()) await run(command)
    }
    await Promise.all(Array.from({ length: availableParallelism() }, work))
    const made = join(workDir, 'lmdb.node')
    await run([...cxx, '-shared', '-pthread', '-o', made, ...objects, ...link])
    mkdirSync(dirname(to), { recursive: true })
    copyWhole(made, to)
  } finally {
    rmSync(workDir, { recursive: true, force: true })
  }
}

/** The headers of the node-addon-api that `lmdb` depends on. */
function napiDir(lmdbDir: string): string {
  return dirname(createRequire(join(lmdbDir, 'package.json')).resolve('node-addon-api'))
}

function headersDir(): string {
  const { include_dir } = createRequire(import.meta.url)('node-api-headers') as { include_dir: string }
  return include_dir
}

async function run([command, ...args]: string[]): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const status = await new Promise<number | string>((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code, signal) => resolve(code ?? String(signal)))
  })
  if (status === 0) return
  const lines = stderr.split('\n').filter(Boolean)
  const reason = lines.find((line) => line.includes('error')) ?? lines.at(-1) ?? `it ended with ${status}`
  fail(
    `${command}: ${reason}`,
    'Install a C++ compiler with C++17 (g++ 8 or clang 7, or later), or name one by CXX and CC.',
  )
}

/** Copies a file so that its new place has all of it or nothing, whatever happens. */
function copyWhole(from: string, to: string): void {
  const part = `${to}.${process.pid}`
  try {
    copyFileSync(from, part)
    renameSync(part, to)
  } finally {
    rmSync(part, { force: true })
  }
}

function fail(reason: string, hint: string): never {
  throw new MigrationError('ERR_LMDB_BINDING', `Cannot compile the LMDB binding: ${reason}`, { hint })
}

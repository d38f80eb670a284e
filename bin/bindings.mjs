// Cross-compiles the LMDB binding of data format 1 for each platform that the package serves, into prebuilds/: by Zig, which
// brings the C libraries of all of them, so that the files need no newer glibc than 2.17 and no libstdc++. Makes those that
// are missing, or were made of other sources or in another way. Words choose by name: `node bin/bindings.mjs linux-x64`.
// (Not named `prebuild`: npm would run that before each `build`.)
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { lmdbPackageDir, lmdbPackageVersion } from '../dist/src/slab/binding.js'
import { compileBinding } from '../dist/src/slab/compile-binding.js'

const ZIG = '0.17.1'
const MANIFEST = 'prebuilds/manifest.json'

/** The bindings, where `lmdb` looks for them, and Zig's name of the platform. */
const BINDINGS = {
  'prebuilds/linux-x64/node.napi.glibc.node': 'x86_64-linux-gnu.2.17',
  'prebuilds/linux-x64/node.napi.musl.node': 'x86_64-linux-musl',
  'prebuilds/linux-arm64/node.napi.glibc.node': 'aarch64-linux-gnu.2.17',
  'prebuilds/linux-arm64/node.napi.musl.node': 'aarch64-linux-musl',
  'prebuilds/darwin-x64/node.napi.node': 'x86_64-macos.11.0',
  'prebuilds/darwin-arm64/node.napi.node': 'aarch64-macos.11.0',
}

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const words = process.argv.slice(2)
const recipe = {
  lmdb: lmdbPackageVersion(),
  zig: ZIG,
  recipe: digest('dist/src/slab/compile-binding.js'),
}
const made = readManifest()
const wanted = Object.keys(BINDINGS).filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
const missing = wanted.filter((file) => !existsSync(file) || made[file] !== digest(file))
if (missing.length > 0) {
  const zig = findZig()
  writeLicenses(dirname(zig))
  for (const [i, file] of missing.entries()) {
    console.error(`Compiling ${file} (${i + 1} of ${missing.length}) …`)
    const flags = ['-target', BINDINGS[file], '-fno-sanitize=undefined']
    const link = file.includes('darwin') ? ['-Wl,-undefined,dynamic_lookup'] : ['-s']
    await compileBinding(file, { cc: [zig, 'cc', ...flags], cxx: [zig, 'c++', ...flags], link })
    made[file] = digest(file)
    writeFileSync(MANIFEST, `${JSON.stringify({ ...recipe, files: made }, null, 2)}\n`)
  }
}

/** Digests of the files that were made in the same way; of others nothing is left. */
function readManifest() {
  if (existsSync(MANIFEST)) {
    const { files, ...found } = JSON.parse(readFileSync(MANIFEST, 'utf8'))
    if (JSON.stringify(found) === JSON.stringify(recipe)) return files
  }
  rmSync('prebuilds', { recursive: true, force: true })
  mkdirSync('prebuilds')
  return {}
}

function digest(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}

/** The command of Zig: of the Python package, which is put below build/ once. */
function findZig() {
  const dir = join('build', `zig-${ZIG}`)
  const command = join(process.cwd(), dir, 'ziglang', 'zig')
  if (existsSync(command)) return command
  console.error(`Installing Zig ${ZIG} (100 MB) into ${dir} …`)
  const args = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', dir, `ziglang==${ZIG}`]
  const { status, error } = spawnSync('python3', args, { stdio: ['ignore', 2, 2] })
  if (status === 0) return command
  console.error(`Cannot install Zig: ${error?.message ?? `python3 -m pip ended with ${status}`}`)
  console.error('Install Python 3 with pip, and check that the package ziglang can be downloaded.')
  process.exit(1)
}

/** Writes the licenses of all that is in the bindings. */
function writeLicenses(zigDir) {
  const lmdbDir = lmdbPackageDir()
  const v1Dir = join(lmdbDir, 'dependencies', 'lmdb-data-v1', 'libraries', 'liblmdb')
  const napiDir = dirname(createRequire(join(lmdbDir, 'package.json')).resolve('node-addon-api'))
  const parts = [
    ['lmdb-js', join(lmdbDir, 'LICENSE')],
    ['LMDB', join(v1Dir, 'COPYRIGHT'), join(v1Dir, 'LICENSE')],
    ['LZ4', join(lmdbDir, 'dependencies', 'lz4', 'lib', 'LICENSE')],
    ['node-addon-api', join(napiDir, 'LICENSE.md')],
    ['libc++, libc++abi and libunwind of LLVM', join(zigDir, 'lib', 'libcxx', 'LICENSE.TXT')],
  ]
  const texts = parts.map(([name, ...files]) => {
    return `# ${name}\n\n${files.map((file) => readFileSync(file, 'utf8').trim()).join('\n\n')}\n`
  })
  writeFileSync(
    'prebuilds/LICENSES.md',
    `The files below this folder are compiled from these:\n\n${texts.join('\n\n')}`,
  )
}

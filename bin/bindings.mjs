// Cross-compiles the LMDB binding of data format 1 for each platform that the package serves, into prebuilds/: by Zig, which
// brings the C libraries of all of them, so that the files need no newer glibc than 2.17 and no libstdc++. Words choose by
// name: `node bin/bindings.mjs linux-x64`. (Not named `prebuild`: npm would run that before each `build`.)
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { lmdbPackageVersion } from '../dist/src/slab/binding.js'
import { compileBinding } from '../dist/src/slab/compile-binding.js'
import { BINDINGS, MANIFEST } from './binding-files.mjs'

const ZIG = '0.17.1'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const words = process.argv.slice(2)
const zig = findZig()
const lmdb = lmdbPackageVersion()
if (words.length === 0) rmSync('prebuilds', { recursive: true, force: true })
const files = words.length === 0 ? {} : (readManifest().files ?? {})
for (const { file, target } of BINDINGS) {
  if (words.length > 0 && !words.some((word) => file.includes(word))) continue
  const flags = ['-target', target, '-fno-sanitize=undefined']
  const link = target.includes('macos') ? ['-Wl,-undefined,dynamic_lookup'] : ['-s']
  const startedMs = performance.now()
  await compileBinding(file, { cc: [...zig, 'cc', ...flags], cxx: [...zig, 'c++', ...flags], link })
  files[file] = createHash('sha256').update(readFileSync(file)).digest('hex')
  console.log(`${file}: ${statSync(file).size} bytes in ${Math.round((performance.now() - startedMs) / 1000)} s`)
}
writeFileSync(MANIFEST, `${JSON.stringify({ lmdb, zig: ZIG, files }, null, 2)}\n`)

function readManifest() {
  if (!existsSync(MANIFEST)) return {}
  const manifest = JSON.parse(readFileSync(MANIFEST, 'utf8'))
  return manifest.lmdb === lmdb ? manifest : {}
}

/** The command of Zig: the Python package of it, which is put below build/ once. */
function findZig() {
  const dir = join('build', `zig-${ZIG}`)
  const command = join(process.cwd(), dir, 'ziglang', 'zig')
  if (!existsSync(command)) {
    console.log(`Installing Zig ${ZIG} from PyPI into ${dir} …`)
    const args = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', dir, `ziglang==${ZIG}`]
    const { status, error } = spawnSync('python3', args, { stdio: 'inherit' })
    if (status !== 0) {
      console.error(`Cannot install Zig: ${error?.message ?? `python3 -m pip ended with ${status}`}`)
      process.exit(1)
    }
  }
  return [command]
}

// Joins our code and the packages that it uses into a few files, in dist/src/bundle: loading
// some 400 modules in each of four threads took half a second, and V8 is sooner done with code that lies in one module. What
// finds files relative to itself still does, as the bundle is one more folder of dist/src.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { build } from 'esbuild'

const OUT_DIR = 'dist/src/bundle'
/** Modules of the library share code, and load some of it only when it is needed. */
const LIBRARY = ['src/index.ts', 'src/pages.ts']
/** The programs, threads and processes: a bundle each, as they share nothing with others. */
const LOADED = ['bin/programs.ts', 'workers/task.ts', 'workers/writer.ts', 'src/slab/snapshot-process.ts']
/** They look for files of their own beside themselves: a binding, the code of a thread. */
const APART = ['lmdb', 'piscina']
/** Packages of CommonJS that are joined to ES modules still ask for Node's own modules. */
const REQUIRE =
  "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);"
const SHARED = {
  outdir: OUT_DIR,
  entryNames: '[name]',
  bundle: true,
  external: APART,
  platform: 'node',
  target: 'node20.19',
  sourcemap: true,
  metafile: true,
  logLevel: 'warning',
}

rmSync(OUT_DIR, { recursive: true, force: true })
const inputs = await Promise.all([
  library(),
  ...LOADED.map((entry) => commonJs(entry, { '.js': '.bundle.cjs' })),
  commonJs('src/lock/heartbeat-thread.ts', { '.js': '.cjs' }),
  commonJs({ in: 'src/file/compiled-code.ts', out: 'load' }, { '.js': '.cjs' }),
])
for (const entry of LOADED) {
  const name = basename(entry, '.ts')
  if (name !== 'programs')
    writeFileSync(join(OUT_DIR, `${name}.cjs`), `module.exports = require('./load.cjs').load(__dirname, '${name}')\n`)
}
writeLicenses(inputs.flat())

/** Returns the paths of what went into it. */
async function library() {
  const { metafile } = await build({
    ...SHARED,
    entryPoints: LIBRARY,
    splitting: true,
    chunkNames: 'chunk-[hash]',
    banner: { js: REQUIRE },
    format: 'esm',
  })
  return Object.keys(metafile.inputs)
}

/** CommonJS, as V8 can be given code of an earlier run for scripts alone (src/file/compiled-code.ts). */
async function commonJs(entry, outExtension) {
  const { metafile } = await build({
    ...SHARED,
    entryPoints: [entry],
    outExtension,
    supported: { 'dynamic-import': false },
    define: { 'import.meta.url': 'moduleUrl' },
    banner: { js: "const moduleUrl = require('node:url').pathToFileURL(__filename).href;" },
    format: 'cjs',
  })
  return Object.keys(metafile.inputs)
}

/** Whoever passes on the files must pass on the licenses of the packages in them. */
function writeLicenses(paths) {
  const packages = new Set(paths.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []))
  packages.add('node_modules/xxhash-wasm') // its module is copied beside
  const texts = [...packages].sort().map((dir) => {
    const { name, version, license } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'))
    const file = readdirSync(dir).find((entry) => /^licen[cs]e/i.test(entry))
    if (file === undefined) throw new Error(`Package ${name} has no license file`)
    return `# ${name} ${version} (${license})\n\n${readFileSync(join(dir, file), 'utf8').trim()}\n`
  })
  const head = 'These packages are joined into the files of this folder:\n\n'
  writeFileSync(join(OUT_DIR, 'LICENSES.md'), head + texts.join('\n'))
}

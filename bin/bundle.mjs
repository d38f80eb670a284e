// Joins the compiled code and the packages that it uses into a few files per program and thread, in dist/src/bundle: loading
// some 400 modules in each of four threads took half a second, and V8 is sooner done with code that lies in one module. What
// finds files relative to itself still does, as the bundle is one more folder of dist/src.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const OUT_DIR = 'dist/src/bundle'
/** The programs and the library share code, and load some of it only when it is needed. */
const PROGRAMS = ['bin/migrate_020.ts', 'bin/sync_020.ts', 'bin/synapse-migrator.ts', 'src/index.ts', 'src/pages.ts']
/** A build for each, as a thread or a process of its own shares nothing with others. */
const THREADS = ['workers/task.ts', 'workers/writer.ts', 'src/lock/heartbeat-thread.ts', 'src/slab/snapshot-process.ts']
/** They look for files of their own beside themselves: a binding, the code of a thread. */
const APART = ['lmdb', 'piscina']
/** Packages of CommonJS that are joined to ES modules still ask for Node's own modules. */
const REQUIRE =
  "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);"

rmSync(OUT_DIR, { recursive: true, force: true })
const inputs = await Promise.all([bundle(PROGRAMS), ...THREADS.map((entry) => bundle([entry]))])
writeLicenses(inputs.flat())

/** Returns the paths of what went into it. */
async function bundle(entryPoints) {
  const { metafile } = await build({
    entryPoints,
    splitting: true,
    outdir: OUT_DIR,
    entryNames: '[name]',
    chunkNames: 'chunk-[hash]',
    bundle: true,
    external: APART,
    banner: { js: REQUIRE },
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    sourcemap: true,
    metafile: true,
    logLevel: 'warning',
  })
  return Object.keys(metafile.inputs)
}

/** Whoever passes on the files must pass on the licenses of the packages in them. */
function writeLicenses(paths) {
  const packages = new Set(paths.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []))
  const texts = [...packages].sort().map((dir) => {
    const { name, version, license } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'))
    const file = readdirSync(dir).find((entry) => /^licen[cs]e/i.test(entry))
    if (file === undefined) throw new Error(`Package ${name} has no license file`)
    return `# ${name} ${version} (${license})\n\n${readFileSync(join(dir, file), 'utf8').trim()}\n`
  })
  const head = 'These packages are joined into the files of this folder:\n\n'
  writeFileSync(join(OUT_DIR, 'LICENSES.md'), head + texts.join('\n'))
}

// Joins the compiled code into a few files per program and thread, in dist/src/bundle: loading 150 modules in each of four
// threads took half a second, and V8 is sooner done with code that lies in one module. What finds files relative to itself
// still does, as the bundle is one more folder of dist/src.
import { rmSync } from 'node:fs'
import { build } from 'esbuild'

const OUT_DIR = 'dist/src/bundle'
/** The programs and the library share code, and load some of it only when it is needed. */
const PROGRAMS = ['bin/migrate_020.ts', 'bin/sync_020.ts', 'bin/synapse-migrator.ts', 'src/index.ts', 'src/pages.ts']
/** One file for each, as a thread or a process of its own shares nothing with others. */
const THREADS = ['workers/task.ts', 'workers/writer.ts', 'src/lock/heartbeat-thread.ts', 'src/slab/snapshot-process.ts']

rmSync(OUT_DIR, { recursive: true, force: true })
await Promise.all([bundle(PROGRAMS, true), ...THREADS.map((entry) => bundle([entry], false))])

async function bundle(entryPoints, splitting) {
  await build({
    entryPoints,
    splitting,
    outdir: OUT_DIR,
    entryNames: '[name]',
    chunkNames: 'chunk-[hash]',
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    sourcemap: true,
    logLevel: 'warning',
  })
}

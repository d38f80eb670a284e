// Compiles src/kernel/assembly, which is AssemblyScript, to WebAssembly beside the compiled code and beside the bundle.
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import asc from 'assemblyscript/asc'

const DIRS = ['dist/src/kernel/data', 'dist/src/bundle/data']

for (const dir of DIRS) mkdirSync(dir, { recursive: true })
const [first, second] = DIRS.map((dir) => join(dir, 'kernel.wasm'))
const flags = '--runtime minimal --optimizeLevel 3 --shrinkLevel 0 --converge --noAssert'
const { error, stderr } = await asc.main(['src/kernel/assembly/index.ts', ...flags.split(' '), '--outFile', first])
if (error) {
  console.error(stderr.toString())
  process.exit(1)
}
copyFileSync(first, second)

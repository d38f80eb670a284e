// Copies the data files that the program reads at run time beside the compiled code, and beside the bundle.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'

const BUNDLE = 'dist/src/bundle/data'

for (const dir of ['src/python/data', 'src/model/data'])
  for (const to of [`dist/${dir}`, BUNDLE]) cpSync(dir, to, { recursive: true })
// The package itself can only be awaited, and code that awaits cannot be loaded as V8 has compiled it earlier.
const xxhash = readFileSync('node_modules/xxhash-wasm/workerd/xxhash.wasm', 'base64')
for (const dir of ['dist/src/bytes/data', BUNDLE]) {
  mkdirSync(dir, { recursive: true })
  writeFileSync(`${dir}/xxhash.json`, JSON.stringify(xxhash))
}

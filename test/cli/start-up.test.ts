import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { test } from 'node:test'

test('no program loads YAML, its schemas or a binding before it knows what is asked of it', async () => {
  const path = resolve('dist/src/bundle/programs.bundle.cjs')
  const require = createRequire(import.meta.url)
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true })
  const { programs } = require(path) as {
    programs: { readonly [name: string]: () => object }
  }
  for (const [name, make] of Object.entries(programs)) assert.ok(make(), name)
  const { result } = await session.post('Profiler.takePreciseCoverage')
  session.disconnect()
  const bundle = result.find(({ url }) => url.endsWith('programs.bundle.cjs'))
  // The function that esbuild makes of a module of a package has its path as its name.
  const called = (bundle?.functions ?? []).filter(({ ranges }) => ranges[0].count > 0)
  const packages = new Set(called.flatMap(({ functionName }) => /node_modules\/([^/]+)/.exec(functionName)?.[1] ?? []))
  assert.deepEqual([...packages], ['commander'])
  // What is loaded with the bundle is in no function.
  const modules = readFileSync(path, 'utf8').split(/^\/\/ (?=\S+\.[cm]?[jt]s$)/m)
  const atOnce = modules.filter((text) => !/__(esm|commonJS)\(\{/.test(text)).map((text) => text.split('\n', 1)[0])
  assert.deepEqual(
    atOnce.filter((name) => name.startsWith('node_modules/')),
    [],
  )
  const apart = Object.keys(require.cache).filter((path) => /node_modules\/(lmdb|piscina)\//.test(path))
  assert.deepEqual(apart, [])
})

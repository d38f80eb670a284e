#!/usr/bin/env node
// Builds the `lmdb` binding for LMDB data format 1, the only one that Synapse's slabs use, and checks the result.
// Plain JavaScript, as it runs before anything is compiled: from `npm ci` (postinstall), or by hand at any time.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)

const lmdbDir = dirname(dirname(require.resolve('lmdb')))
const before = bindingVersion()
if (isFormat1(before)) {
  console.error(`lmdb binding: data format 1 (LMDB ${before}), nothing to build`)
} else {
  console.error(`lmdb binding: ${before ?? 'none'}, building for data format 1 …`)
  build()
  const after = bindingVersion()
  if (!isFormat1(after)) fail(`the binding still reports LMDB ${after ?? 'nothing'}, expected below 0.9.90`)
  console.error(`lmdb binding: data format 1 (LMDB ${after})`)
}

/** The LMDB version that a fresh process loads, or null: the binding of this process could not be exchanged. */
function bindingVersion() {
  const code = `import { version } from 'lmdb'; console.log([version.major, version.minor, version.patch].join('.'))`
  const cwd = dirname(fileURLToPath(import.meta.url))
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', code], { cwd, encoding: 'utf8' })
  return child.status === 0 ? child.stdout.trim() : null
}

/** lmdb-js bundles two sources: 0.9.2x/0.9.7x writes format 1, 0.9.90 and later format 2. */
function isFormat1(version) {
  const [major, minor, patch] = (version ?? '').split('.').map(Number)
  return major === 0 && minor === 9 && patch < 90
}

function build() {
  const env = { ...process.env, LMDB_DATA_V1: 'true', npm_config_build_from_source: 'true' }
  const args = [nodeGyp(), 'rebuild', '--release', '-j', 'max']
  const child = spawnSync(process.execPath, args, { cwd: lmdbDir, env, encoding: 'utf8' })
  if (child.status !== 0) fail(`node-gyp failed\n${child.stdout}\n${child.stderr}`)
}

function nodeGyp() {
  const places = [process.env.npm_config_node_gyp]
  const npm = process.env.npm_execpath // …/npm/bin/npm-cli.js
  if (npm) places.push(join(dirname(dirname(npm)), 'node_modules', 'node-gyp', 'bin', 'node-gyp.js'))
  const root = spawnSync('npm', ['root', '-g'], { encoding: 'utf8' }).stdout?.trim().split('\n').pop()
  if (root) places.push(join(root, 'npm', 'node_modules', 'node-gyp', 'bin', 'node-gyp.js'))
  const found = places.find((path) => path && existsSync(path))
  if (!found) fail('node-gyp was not found, it comes with npm')
  return found
}

function fail(reason) {
  console.error(`Cannot build lmdb for data format 1: ${reason}`)
  console.error('Install a C++ compiler, make and Python 3, then run: node bin/setup-lmdb.mjs')
  process.exit(1)
}

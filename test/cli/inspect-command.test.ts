import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { migrate, synapseMigrator, tempDir, unpack } from '../support/cortex.js'

const MAIN = '0b4eb4d9fb9d979464a52b2b803afb03'

test('inspect tells what a 0.1.x Cortex holds, and leaves every file as it is', (t) => {
  const dir = unpack('demo-cortex.tar.gz', tempDir(t))
  const before = digest(dir)
  const { status, stdout, stderr } = synapseMigrator(['inspect', dir])
  assert.deepEqual([status, stderr], [0, ''])
  assert.match(stdout, /: a Cortex of 0\.1\.x, last started by Synapse 0\.1\.58$/m)
  assert.match(stdout, /^Layers \(4\)$/m)
  assert.match(stdout, /^ {2}0b4eb4d9\S+ +known +0\.1\.3 +250 +1,283 +17 +1,394 +692\.0 KiB$/m)
  assert.match(
    stdout,
    /^ {2}users +7 +dan \(locked\), root \(admin\), svc\.feed, Zoë \(locked\), ann \(admin\), cat, ben$/m,
  )
  assert.match(stdout, /^ {2}queues +5 +alerts \(3\), empty \(0\), orders \(3\), ownerless \(1\), zeta:ü \(1\)$/m)
  assert.match(stdout, /^ {2}universal +4 +_first, _kinds, _origin, _score$/m)
  assert.equal(digest(dir), before)
})

test('inspect --json tells source and result of a migration in the same words', (t) => {
  const src = unpack('demo-cortex.tar.gz', tempDir(t))
  const dest = join(tempDir(t), 'dest')
  // 8: done, but for a queue without an owner.
  assert.equal(migrate('--src', src, '--dest', dest, '--workers', '1').status, 8)
  const [before, after] = [inspect(src), inspect(dest)]
  assert.deepEqual([before.generation, after.generation], ['0.1.x', '2.x'])
  assert.deepEqual([before.migrated, after.migrated], [false, true])
  assert.deepEqual([before.cortexVersion, after.cortexVersion], ['0.1.58', '0.2.0'])
  for (const key of [
    'cellGuid',
    'model',
    'queues',
    'triggers',
    'crons',
    'users',
    'stormPackages',
    'services',
    'views',
  ]) {
    assert.deepEqual(after[key], before[key], key)
  }
  const layer = (report: Report) => report.layers.find(({ iden }) => iden === MAIN)
  assert.deepEqual(layer(before)?.views, layer(after)?.views)
  assert.deepEqual([layer(before)?.edits, layer(after)?.edits], [1394, 763])
  assert.equal(inspect(src, '--no-count').layers[0].nodes, null)
})

test('inspect knows orphaned, missing and remote layers, and modules', (t) => {
  const states = (name: string) =>
    inspect(unpack(`bad/${name}/src.tar.gz`, tempDir(t)))
      .layers.map(({ state, layout }) => `${state} ${layout}`)
      .sort()
  assert.deepEqual(states('orphan-layerdir'), ['known 0.1.x', 'orphan 0.1.x'])
  assert.deepEqual(states('remotelayer'), ['known 0.1.x', 'remote null'])
  assert.deepEqual(states('nolayerslab'), ['known null'])
  assert.deepEqual(inspect(unpack('bad/module-missing/src.tar.gz', tempDir(t))).modules, ['nope.mod.Nope'])
})

test('inspect tells which release was started on a Cortex last', (t) => {
  for (const [release, version] of [['rc18', '0.2.0'], ['280', '2.8.0'], ['latest', '2.256.0']]) {
    const report = inspect(unpack(`reference/booted-${release}.tar.gz`, tempDir(t)))
    assert.deepEqual([report.generation, report.synapseVersion], ['2.x', version])
  }
}) // biome-ignore format: a table

test('inspect ends with 5 where there is no Cortex', (t) => {
  const dir = tempDir(t)
  const { status, stdout, stderr } = synapseMigrator(['inspect', dir])
  assert.deepEqual([status, stdout], [5, ''])
  assert.equal(
    stderr,
    `error: Cannot inspect "${dir}": it is empty\n` +
      'hint: If it should hold the Cortex, mount its disk. Give the directory of a 0.1.x Cortex, the one that holds cell.guid\n',
  )
})

interface Report {
  readonly [key: string]: unknown
  readonly layers: {
    readonly iden: string
    readonly state: string
    readonly layout: string | null
    readonly views: string[]
    readonly nodes: number | null
    readonly edits: number | null
  }[]
}

function inspect(dir: string, ...args: string[]): Report {
  const { status, stdout, stderr } = synapseMigrator(['inspect', dir, '--json', ...args])
  assert.deepEqual([status, stderr], [0, ''])
  return JSON.parse(stdout)
}

/** Of all names and contents below a directory. */
function digest(dir: string): string {
  const hash = createHash('sha256')
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true }).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    const path = join(entry.parentPath, entry.name)
    hash.update(path)
    if (entry.isFile()) hash.update(readFileSync(path))
  }
  return hash.digest('hex')
}

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { planUpgrade } from '../../src/upgrade/upgrade-source.js'
import { inconsistencies } from '../support/consistency.js'
import { copyCortex, migrate, synapseMigrator, tempDir, unpack } from '../support/cortex.js'
import { dumpCortex } from '../support/dump.js'
import { plant, put, rowsOf } from '../support/plant.js'

const MAIN = '0b4eb4d9fb9d979464a52b2b803afb03'
const OLD = ['before-0.1.0', '0.1.31']

test('a Cortex whose layers have different model versions migrates each layer as it would alone', (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const rowsAlone = new Map(layersOf(migrated(src, join(dir, 'alone'), 8)))
  const versions = new Set(['0,1,3'])
  for (const name of OLD) {
    const old = unpack(`old/${name}.tar.gz`, join(dir, name))
    const plan = planUpgrade(old) ?? assert.fail(name)
    addModel(src, old)
    const alone = layersOf(migrated(old, join(dir, `${name}-alone`), 0))
    for (const { name: iden, iden: now, version } of plan.layers) {
      versions.add(String(version))
      copyCortex(join(old, 'layers', iden), join(src, 'layers', iden))
      addToHive(src, iden)
      const rows = alone.get(now) ?? [...alone].find(([key]) => !readdirSync(join(old, 'layers')).includes(key))?.[1]
      rowsAlone.set(iden, rows ?? assert.fail(`${name} has no ${now}`))
    }
  }
  assert.ok(versions.size > 2, [...versions].join(' '))
  const mixed = migrated(src, join(dir, 'mixed'), 8)
  const found = layersOf(mixed)
  assert.deepEqual([...found.keys()].sort(), [...rowsAlone.keys()].sort())
  for (const [iden, rows] of rowsAlone) assert.deepEqual(found.get(iden), rows, iden)
  assert.deepEqual(inconsistencies(dumpCortex(mixed)), [])
  const { status, stdout, stderr } = synapseMigrator(['verify', '--src', src, '--dest', mixed])
  assert.equal(status, 0, stdout + stderr)
  assert.match(
    synapseMigrator(['inspect', src]).stdout,
    /layer \w+, of model version \(0, 0, 0\): .*\n.*layer \w+, of model version/,
  )
})

function migrated(src: string, dest: string, expected: number): string {
  const { status, stdout, stderr } = migrate('--src', src, '--dest', dest)
  assert.equal(status, expected, stdout + stderr)
  return dest
}

/** Rows of each layer, by iden. */
function layersOf(dest: string): Map<string, string[]> {
  const layers = new Map<string, string[]>()
  for (const line of dumpCortex(dest)) {
    const [, iden, rest] = /^layers\/([0-9a-f]{32})\/(.*)$/s.exec(line) ?? []
    if (iden !== undefined) layers.set(iden, [...(layers.get(iden) ?? []), rest])
  }
  return layers
}

/** Adds the properties that a hive has to the model of another. */
function addModel(src: string, old: string): void {
  const slab = (dir: string) => join(dir, 'slabs', 'cell.lmdb')
  const rows = rowsOf(slab(old), 'hive').filter(({ key }) => Buffer.from(key).toString().startsWith('cortex\0model\0'))
  plant(
    slab(src),
    rows.map(({ key, value }) => put('hive', key, value)),
  )
}

/** Adds a layer as the hive has another one. */
function addToHive(src: string, iden: string): void {
  const slab = join(src, 'slabs', 'cell.lmdb')
  const path = (name: string) => Buffer.from(['cortex', 'layers', name].join('\0'))
  const rows = rowsOf(slab, 'hive').filter(({ key }) => Buffer.from(key).toString().startsWith(path(MAIN).toString()))
  assert.ok(rows.length > 1)
  plant(
    slab,
    rows.map(({ key, value }) => put('hive', Buffer.concat([path(iden), key.subarray(path(MAIN).length)]), value)),
  )
}

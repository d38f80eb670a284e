import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { compareDumps, report } from '../support/compare.js'
import { migrate, migrateByReference, unpack } from '../support/cortex.js'
import { dumpCortex } from '../support/dump.js'
import { tempDir } from '../support/fixture.js'

const CELL = ['dirn', 'cell', 'dmodel', 'hivelyr']

const dir = tempDir()
const src = join(dir, 'src')

before(() => {
  unpack('bad/intact/src.tar.gz', src)
})

for (const [i, ops] of [CELL, [...CELL, 'nodes'], [...CELL, 'nodes', 'nodedata']].entries()) {
  test(`--migr-ops ${ops.join(' ')} leaves the slabs of layers, databases and rows, that the reference leaves`, () => {
    const [ours, reference] = [join(dir, `ours-${i}`), join(dir, `reference-${i}`)]
    assert.equal(migrate('--src', src, '--dest', ours, '--migr-ops', ...ops).status, 0)
    migrateByReference(src, reference, '--migr-ops', ...ops)
    const layers = (dest: string) => dumpCortex(dest).filter((line) => line.startsWith('layers/'))
    assert.ok(layers(reference).length >= 20)
    const { unexplained } = compareDumps(layers(ours), layers(reference))
    assert.equal(unexplained.length, 0, report(unexplained))
    // The reference opens what we have made.
    assert.match(migrateByReference(src, ours, '--form-counts'), /^TOTAL +23 /m)
  })
}

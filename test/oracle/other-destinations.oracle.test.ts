import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { compareDumps, report } from '../support/compare.js'
import { copyCortex, migrate, migrateByReference, python, unpack } from '../support/cortex.js'
import { dumpCortex } from '../support/dump.js'
import { tempDir } from '../support/fixture.js'

const dir = tempDir()
const src = join(dir, 'src')
const fresh = join(dir, 'fresh')
const reference = join(dir, 'reference')

before(() => {
  unpack('demo-cortex.tar.gz', src)
  assert.equal(migrate('--src', src, '--dest', fresh).status, 8)
  migrateByReference(src, reference, '--map-partial')
})

test('migrate_020 leaves layers that the reference has made alone, and with --restart makes them again', () => {
  const made = dumpCortex(reference)
  const { status, stderr } = migrate('--src', src, '--dest', reference)
  assert.equal(status, 4, stderr)
  assert.match(stderr, /another tool has migrated layer .*--restart/s)
  assert.deepEqual(dumpCortex(reference), made)

  assert.equal(migrate('--src', src, '--dest', reference, '--restart').status, 8)
  const { unexplained } = compareDumps(dumpCortex(reference).filter(isOurs), dumpCortex(fresh).filter(isOurs))
  assert.equal(unexplained.length, 0, report(unexplained))
})

for (const release of ['200', '280', 'latest'] as const) {
  test(`migrate_020 refuses a destination on which Synapse ${release} has been started (D28)`, () => {
    const dest = copyCortex(fresh, join(dir, `started-${release}`))
    python(release, 'edit_log.py', dest)
    const { status, stderr } = migrate('--src', src, '--dest', dest)
    assert.equal(status, 4, stderr)
    assert.equal(migrate('--src', src, '--dest', dest, '--from-last').status, 4)
  })
}

/** What only tells of the run: the reference keeps a cell of its own for splices, and the errors of a first run stay. */
function isOurs(line: string): boolean {
  return !line.startsWith('migration/')
}

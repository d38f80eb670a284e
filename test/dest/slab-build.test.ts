import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { SlabBuild } from '../../src/dest/slab-build.js'
import { tempDir } from '../support/fixture.js'

test('SlabBuild names the slab whose directory cannot be made, whatever the system says', () => {
  const file = join(tempDir(), 'file')
  writeFileSync(file, '')
  assert.throws(() => new SlabBuild(join(file, 'layer', 'nodes.lmdb'), null), {
    code: 'ERR_DEST',
    message: /Cannot make slab ".*nodes\.lmdb"/,
    exitCode: 6,
  })
})

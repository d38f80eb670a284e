import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after } from 'node:test'
import { migrate, tempDir, unpack } from './cortex.js'

/** The demo Cortex and what becomes of it with a nexus log, made once; tests change copies. */
export const demo = (() => {
  const dir = tempDir({ after })
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  assert.equal(migrate('--src', src, '--dest', dest, '--workers', '2', '--add-mode', 'nexus').status, 8)
  return { src, dest }
})()

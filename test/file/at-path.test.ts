import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { atPath, isThere, quoted } from '../../src/file/at-path.js'
import { tempDir } from '../support/cortex.js'

test('atPath() follows links, also to links, and tells what is absent from what cannot be reached', (t) => {
  const dir = tempDir(t)
  const path = (name: string) => join(dir, name)
  mkdirSync(path('real'))
  writeFileSync(path('real/file'), '')
  symlinkSync('real', path('link'))
  symlinkSync('link', path('link2'))
  symlinkSync(path('nowhere'), path('lost'))
  symlinkSync('lost', path('lost2'))
  symlinkSync('loop2', path('loop1'))
  symlinkSync('loop1', path('loop2'))
  symlinkSync('real/file/x', path('through'))
  const kinds = [
    'real',
    'link2',
    'link2/file',
    'absent',
    'real/absent',
    'real/file/x',
    'lost',
    'lost/x/y',
    'loop1',
    'through',
  ]
  assert.deepEqual(
    kinds.map((name) => atPath(path(name)).kind),
    [
      'directory',
      'directory',
      'file',
      'absent',
      'absent',
      'absent',
      'unreachable',
      'unreachable',
      'unreachable',
      'unreachable',
    ],
  )
  const reason = (name: string) => {
    const found = atPath(path(name))
    return found.kind === 'unreachable' ? found.reason.replaceAll(dir, 'DIR') : found.kind
  }
  assert.equal(reason('lost'), '"DIR/lost" is a link to "DIR/nowhere", which does not exist')
  assert.equal(reason('lost/x/y'), '"DIR/lost" is a link to "DIR/nowhere", which does not exist')
  assert.equal(reason('lost2'), '"DIR/lost2" is a link to "lost", which does not exist')
  assert.equal(reason('loop1'), '"DIR/loop1" is a link that leads back to itself')
  assert.throws(() => isThere(path('lost/data.mdb')), { code: 'ERR_SOURCE' })
  assert.equal(isThere(path('link2/file')), true)
  assert.equal(isThere(path('real/absent')), false)
})

test('quoted() shows bytes that are no UTF-8', () => {
  assert.equal(quoted(Buffer.from('caf\xe9.crt', 'latin1')), '"caf\\xe9.crt"')
  assert.equal(quoted(Buffer.from('café.crt')), '"café.crt"')
})

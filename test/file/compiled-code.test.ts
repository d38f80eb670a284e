import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isCodeLacking, keepCode, load } from '../../src/file/compiled-code.js'
import { tempDir } from '../support/cortex.js'

test('a bundle is loaded with the code of an earlier run, and never with that of another one or with damaged code', (t) => {
  const dir = tempDir(t)
  const bundle = join(dir, 'task.bundle.cjs')
  const answer = () => (load(dir, 'task') as { answer(): number }).answer()
  writeFileSync(bundle, 'exports.answer = () => 11')
  assert.equal(answer(), 11)
  assert.equal(isCodeLacking(), true)
  keepCode()
  const [name, ...others] = readdirSync(dir).filter((each) => each !== 'task.bundle.cjs')
  assert.deepEqual(others, [])
  const path = join(dir, name)
  const kept = readFileSync(path)

  const { ino } = statSync(path)
  assert.equal(answer(), 11)
  keepCode()
  assert.equal(statSync(path).ino, ino, 'code that is there is not written again')

  writeFileSync(bundle, 'exports.answer = () => 22')
  assert.equal(answer(), 22, 'V8 itself compares no more than lengths')
  keepCode()
  assert.notDeepEqual(readFileSync(path), kept)

  const damaged = readFileSync(path)
  damaged[damaged.length >> 1] ^= 1
  writeFileSync(path, damaged)
  assert.equal(answer(), 22)
  keepCode()
  assert.notDeepEqual(readFileSync(path), damaged)

  writeFileSync(path, '')
  assert.equal(answer(), 22)
})

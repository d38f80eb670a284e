import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MigrationError } from '../../src/errors.js'
import { readOffsetsFile } from '../../src/sync/offsets-file.js'
import { tempDir } from '../support/fixture.js'

const dir = tempDir()
const path = join(dir, 'lyroffs.yaml')

function read(text: string) {
  writeFileSync(path, text)
  return readOffsetsFile(path)
}

test('readOffsetsFile() keeps idens as text whatever YAML takes them for', () => {
  const idens = ['1'.repeat(32), `${'1'.repeat(20)}e${'2'.repeat(11)}`, '0'.repeat(32), 'abcdef0123456789'.repeat(2)]
  const text = `---\n${idens.map((iden, i) => `${iden}:\n  created: 1\n  nextoffs: ${i}\n`).join('')}...\n`
  assert.deepEqual(
    read(text),
    idens.map((iden, i) => [iden, i]),
  )
  assert.deepEqual(read(`'${idens[0]}': {nextoffs: 32048}`), [[idens[0], 32048]])
  assert.throws(() => read('--- {}\n...\n'), /names no layer/)
})

test('readOffsetsFile() says what is wrong and creates nothing', () => {
  const iden = 'a'.repeat(32)
  const wrong: [string, RegExp][] = [
    ['- 1\n', /it is not a map of layer idens/],
    ['', /it is not a map/],
    ['a: [', /it is not YAML/],
    ['xyz: {nextoffs: 1}', /"xyz" is not a layer iden/],
    [`${iden}: {created: 1}`, /has no nextoffs/],
    [`${iden}: 5`, /has no nextoffs/],
    [`${iden}: {nextoffs: -1}`, /is "-1", which is not an offset/],
    [`${iden}: {nextoffs: newp}`, /is "newp"/],
    [`${iden}: {nextoffs: 010}`, /is "010"/],
    [`${iden}: {nextoffs: 1.5}`, /is "1.5"/],
    [`${iden}: {nextoffs: 9999999999999999}`, /which is not an offset/],
    [`${iden}: {nextoffs: 1}\n${iden}: {nextoffs: 2}`, /it is not YAML/],
  ]
  for (const [text, expected] of wrong) assert.throws(() => read(text), expected, text)
  const missing = join(dir, 'no', 'such.yaml')
  assert.throws(() => readOffsetsFile(missing), /there is no such file/)
  assert.equal(existsSync(join(dir, 'no')), false)
  assert.throws(() => readOffsetsFile(undefined), MigrationError)
})

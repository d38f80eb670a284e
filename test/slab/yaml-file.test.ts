import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readYamlFile, yamlDocument } from '../../src/slab/yaml-file.js'
import { tempDir } from '../support/cortex.js'

test('readYamlFile() reads YAML 1.1 as Synapse does, anchors included', (t) => {
  const path = join(tempDir(t), 'a.yaml')
  const cases: [string, unknown][] = [
    ['a: yes\nb: "yes"\nc: off\n', { a: true, b: 'yes', c: false }],
    ['---\nx: &id001\n- 0\n- 2\ny: *id001\n...\n', { x: [0, 2], y: [0, 2] }],
    ['--- {}\n...\n', {}],
    ['', {}],
    ['# nothing\n', {}],
    ['---\n...\n', {}],
  ]
  for (const [text, expected] of cases) {
    writeFileSync(path, text)
    assert.deepEqual(readYamlFile(path), expected, text)
  }
  assert.equal(readYamlFile(`${path}.absent`), null)
})

test('readYamlFile() names the file that it cannot read', (t) => {
  const path = join(tempDir(t), 'a.yaml')
  for (const text of ['a: [', '- a\n', 'text', 'a: 1\na: 2\n', 'a: *nowhere\n']) {
    writeFileSync(path, text)
    assert.throws(() => readYamlFile(path), { code: 'ERR_CONFIG', message: /^Cannot read ".*a\.yaml": / }, text)
  }
})

test('yamlDocument() writes sorted block style that reads back, also under YAML 1.1', (t) => {
  assert.equal(yamlDocument({}), '--- {}\n...\n')
  const map = { b: ['on', 'x y', 1.5, null], a: { d: true, c: 'no' }, 'x:y': '0o7', l: 'x'.repeat(300) }
  const text = yamlDocument(map)
  assert.match(text, /^---\na:\n {2}c: "no"\n {2}d: true\nb:\n- "on"\n- x y\n- 1\.5\n- null\nl: x+\nx:y: /)
  const path = join(tempDir(t), 'a.yaml')
  writeFileSync(path, text)
  assert.deepEqual(readYamlFile(path), map)
})

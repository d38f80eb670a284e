import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { synapseMigrator, tempDir, unpack } from '../support/cortex.js'

const doc = readFileSync('docs/model-file.md', 'utf8')

function block(language: string, start: string): string {
  const found = [...doc.matchAll(/```(\w*)\n([\s\S]*?)```/g)].find(
    ([, name, text]) => name === language && text.startsWith(start),
  )
  return found?.[2] ?? assert.fail(`no block ${language} that starts with ${start}`)
}

test('the model written by hand in docs/model-file.md covers the rows of its module', (t) => {
  const dir = tempDir(t)
  const src = unpack('lost-module.tar.gz', join(dir, 'src'))
  const path = join(dir, 'model.yaml')
  const yaml = block('yaml', 'types:\n  ex:case:')
  writeFileSync(path, yaml)
  const checked = synapseMigrator(['model', 'check', path, '--src', src])
  assert.deepEqual([checked.status, checked.stdout], [0, 'Everything that rows use has a model\n'])
  // Without properties and the type that only they have: what the page shows.
  const forms = yaml
    .split('\n')
    .filter((line) => !/^ {4}|ex:grade/.test(line))
    .map((line) => line.replace(/^( {2}ex:\w+:)( \{props.*)?$/, '$1 {}'))
  writeFileSync(path, forms.join('\n'))
  const { status, stdout } = synapseMigrator(['model', 'check', path, '--src', src])
  const [, ...shown] = block('text', '$ npx synapse-migrator model check').split('\n')
  assert.deepEqual([status, stdout], [8, shown.join('\n')])
})

test('the evidence that docs/model-file.md shows is what model infer writes', (t) => {
  const { stdout } = synapseMigrator(['model', 'infer', '--src', unpack('lost-module.tar.gz', tempDir(t))])
  const { since } = JSON.parse(stdout).forms['ex:contact'].props
  assert.deepEqual(JSON.parse(`{${block('json', '"since"')}}`), { since })
})

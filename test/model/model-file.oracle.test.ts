import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { Model } from '../../src/model/model.js'
import { parseModelFile } from '../../src/model/model-file.js'
import { python, type Release, tempDir } from '../support/cortex.js'
import { checkVector, type Vector } from '../support/vector-check.js'

const releases: Release[] = ['01x', 'rc18', '200', '280']

test('the script of docs/model-file.md exports a module’s model with every release', (t) => {
  const script = join(tempDir(t), 'export_model.py')
  const [, source] = /```python\n(.*?)```/s.exec(readFileSync('docs/model-file.md', 'utf8')) ?? []
  assert.ok(source)
  writeFileSync(script, source)
  for (const release of releases) {
    const text = python(release, relative('test/oracle', script), 'example_mod.ExampleModule')
    const model = Model.core()
    model.addModelFile(parseModelFile(text, release))
    assert.deepEqual(model.opaqueTypes, [])
    const forms = ['ex:label', 'ex:port', 'ex:contact', 'ex:about'].map((name) => model.forms.get(name)?.stortype)
    assert.deepEqual(forms, [1, 3, 13, 13], release)
    const props = [...(model.forms.get('ex:case')?.props.values() ?? [])].map(({ name, stortype }) => [name, stortype])
    assert.deepEqual(
      Object.fromEntries(props),
      { '.seen': 12, '.created': 11, label: 1, grade: 9, ports: 0x8003, open: 12, site: 14, key: 1, notes: 13 },
      release,
    )
    assert.deepEqual(model.type('ex:contact')?.norm(['A  B', 'Visi@Vertex.Link']).valu, ['a b', 'visi@vertex.link'])
  }
})

test('norm() gives what Synapse gives for inputs that were damaged at random', (t) => {
  const path = join(tempDir(t), 'vectors.jsonl')
  const seed = `${Date.now() % 1e6}`
  python('rc18', 'fuzz_vectors.py', seed, '5000', path, 'test/fixtures/vectors/norm.jsonl')
  const model = Model.core({ now: 1577836800000 })
  for (const line of readFileSync(path, 'utf8').trimEnd().split('\n')) {
    assert.equal(checkVector(JSON.parse(line) as Vector, model), null, `seed ${seed}: ${line}`)
  }
})

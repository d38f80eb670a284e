import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { errors, MigrationError, migrate, nodes, verify } from '../../src/index.js'
import { countForms } from '../../src/inspect/form-counts.js'
import { tempDir, unpack } from '../support/cortex.js'

test('nodes() yields each node of a layer once, with its form', async (t) => {
  const src = unpack('demo-cortex.tar.gz', join(tempDir(t), 'src'))
  for (const { iden, forms } of countForms(src, null)) {
    const counts = new Map<string, number>()
    const buids = new Set<string>()
    for await (const { buid, form, raw } of nodes(join(src, 'layers', iden))) {
      assert.ok(!buids.has(buid))
      buids.add(buid)
      assert.deepEqual(raw, [])
      if (form !== null) counts.set(form, (counts.get(form) ?? 0) + 1)
    }
    assert.deepEqual([...counts].sort(), forms.map(({ form, source }) => [form, source]).sort())
  }
})

test('an API call with a signal that is aborted already rejects with its reason and does nothing', async (t) => {
  const dir = tempDir(t)
  const input = { srcDir: join(dir, 'src'), destDir: join(dir, 'dest') }
  const signal = AbortSignal.abort(new Error('not now'))
  await assert.rejects(migrate(input, { signal }), /^Error: not now$/)
  await assert.rejects(verify(input, { signal }), /^Error: not now$/)
  assert.deepEqual(readdirSync(dir), [])
})

test('API calls throw MigrationError with a hint for what is no Cortex', async (t) => {
  const dir = tempDir(t)
  const isOurs = (error: unknown) => error instanceof MigrationError && error.hint !== undefined
  await assert.rejects(migrate({ srcDir: dir, destDir: join(dir, 'dest') }), isOurs)
  await assert.rejects(errors(dir).next(), isOurs)
  await assert.rejects(nodes(dir).next(), isOurs)
})

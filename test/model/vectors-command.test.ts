import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

test('npm run vectors counts vectors, prints each that fails and ends with 1 then', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'synapse-migrator-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const model = join(dir, 'model.yaml')
  const vectors = join(dir, 'vectors.jsonl')
  writeFileSync(model, 'types: {acme:level: {ctor: Int, subof: int, opts: {max: 5}}}')
  const good = '{"type":"acme:level","in":"5","out":5,"outx":"05","stortype":9}\n'
  writeFileSync(vectors, `${good}{"type":"acme:level","in":6,"out":6,"outx":"06","stortype":9}\n`)
  const all = run('test/fixtures/vectors/index.jsonl')
  assert.match(all.stdout, /^\d+ passed, 0 failed\n$/)
  assert.equal(all.status, 0)
  const some = run('--model', model, vectors)
  assert.equal(some.status, 1)
  assert.match(some.stdout, /vectors\.jsonl:2: .*\n {2}norm expected .*\n {2}norm got .*\n1 passed, 1 failed\n$/)
})

function run(...args: string[]): { status: number | null; stdout: string } {
  return spawnSync(process.execPath, ['dist/bin/vectors.js', ...args], { encoding: 'utf8' })
}

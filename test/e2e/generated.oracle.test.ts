import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { assertAsReference } from '../support/as-reference.js'
import { copyCortex, migrate, migrateByReference, python, type Release, tempDir } from '../support/cortex.js'
import { dumpCortex, readLines } from '../support/dump.js'

const CORTEXES = [
  { seed: '11', nodes: '1500', module: true },
  { seed: '12', nodes: '300', module: false },
]

for (const { seed, nodes, module } of CORTEXES) {
  test(`a generated Cortex of ${nodes} nodes, seed ${seed}, is migrated as the reference does it, and read as before`, (t) => {
    const dir = tempDir(t)
    const src = join(dir, 'src')
    python('01x', 'gen_cortex.py', src, '--nodes', nodes, '--seed', seed, ...(module ? ['--module'] : []))
    const model = join(dir, 'model.json')
    if (module) writeFileSync(model, python('rc18', 'export_model.py', 'example_mod.ExampleModule'))
    const reference = join(dir, 'reference')
    migrateByReference(src, reference, '--map-partial')
    const expected = dumpCortex(reference)
    for (const workers of ['1', '2', '4']) {
      const dest = join(dir, `ours-${workers}`)
      const args = ['--src', src, '--dest', dest, '--workers', workers, ...(module ? ['--model', model] : [])]
      const { status, stderr } = migrate(...args)
      assert.equal(status, 8, stderr)
      assertAsReference(dumpCortex(dest), expected)
    }

    const before = nodesOf('01x', src, dir)
    assert.ok(before.length > Number(nodes))
    const ours = nodesOf('200', join(dir, 'ours-1'), dir)
    assert.deepEqual(difference(ours, before), [[], []], '2.0.0 reads our result as 0.1.58 reads the source')
    if (module) return
    const [cured, lost] = difference(ours, nodesOf('200', reference, dir))
    const current = nodesOf('latest', join(dir, 'ours-1'), dir)
    assert.ok(current.some(isOfCron), 'the cron job, overdue since 2019, has run')
    const [newer, missing] = difference(current, nodesOf('latest', reference, dir)).map((side) =>
      side.filter((line) => !isOfCron(line)),
    )
    const names = new Set([...cured, ...lost].map(ndefOf))
    const others = [...newer, ...missing].filter((line) => !names.has(ndefOf(line)))
    assert.deepEqual(
      others,
      [],
      '2.256.0 reads both results alike, but for what 2.0.0 shows the reference to have lost',
    )
    assert.ok(newer.length > 0 && newer.length === cured.length && missing.length === lost.length)
  })
}

/** All nodes of all views as a release reads them. */
function nodesOf(release: Release, cortex: string, dir: string): string[] {
  const copy = copyCortex(cortex, join(dir, `read-${release}-${Math.random()}`))
  const out = `${copy}.jsonl.gz`
  python(release, 'export_nodes.py', copy, out)
  return readLines(out)
}

/** Lines that only `a` has, and that only `b` has. */
function difference(a: readonly string[], b: readonly string[]): [string[], string[]] {
  const inA = new Set(a)
  const inB = new Set(b)
  return [a.filter((line) => !inB.has(line)), b.filter((line) => !inA.has(line))]
}

/** Whether a line is of the node that a cron job of gen_cortex.py makes, at a time of its own. */
function isOfCron(line: string): boolean {
  return line.includes('"cron.example.com"')
}

/** View, form and value of a line. */
function ndefOf(line: string): string {
  const [view, ndef] = JSON.parse(line)
  return JSON.stringify([view, ndef])
}

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { tempDir, unpack } from '../support/cortex.js'
import { layerDigests } from '../support/row-digest.js'

const doc = readFileSync('docs/api.md', 'utf8')
/** The programs of docs/api.md by their headings. */
const examples = new Map(
  [...doc.matchAll(/^## (.*)\n[^#]*?```js\n([\s\S]*?)```$/gm)].map(([, name, code]) => [name, code]),
)

/** Runs an example inside of the package, so that it finds the package by its name, as users do. */
function run(t: TestContext, name: string, src: string, dest: string) {
  const code = examples.get(name)
  assert.ok(code !== undefined, `docs/api.md has no example "${name}"`)
  const dir = join('dist', 'test', 'api', 'examples')
  mkdirSync(dir, { recursive: true })
  const file = join(dir, `${t.name.replace(/\W+/g, '-')}.mjs`)
  writeFileSync(file, code)
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, src, dest], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return { lines: stdout.trimEnd().split('\n'), stderr }
}

function cortex(t: TestContext) {
  const dir = tempDir(t)
  return { src: unpack('demo-cortex.tar.gz', join(dir, 'src')), dest: join(dir, 'dest') }
}

test('docs/api.md has the examples that are tested', () => {
  assert.deepEqual(
    [...examples.keys()],
    ['Migrate, and look at what was left out', 'Stop, and continue later', 'Read a Cortex', 'Read pages'],
  )
})

test('migrate(), preflight(), errors() and verify() do what their commands do', (t) => {
  const { src, dest } = cortex(t)
  const { lines, stderr } = run(t, 'Migrate, and look at what was left out', src, dest)
  const layers = readdirSync(join(src, 'layers'))
  for (const iden of layers) {
    assert.ok(
      lines.some((line) => new RegExp(`^layer ${iden}: \\d+ of \\d+ nodes$`).test(line)),
      lines.join('\n'),
    )
    assert.match(stderr, new RegExp(`^nodes ${iden} (\\d+)/\\1 rows$`, 'm'))
  }
  assert.ok(lines.includes('0 differences'), lines.join('\n'))
  assert.ok(
    lines.some((line) => /^hiveauth OWNER: /.test(line)),
    lines.join('\n'),
  )
})

test('an aborted migrate() rejects with the reason, and goes on from there to the same rows', (t) => {
  const { src, dest } = cortex(t)
  const { lines } = run(t, 'Stop, and continue later', src, dest)
  assert.deepEqual(lines, ['enough', `${readdirSync(join(src, 'layers')).length} layers`])
  const calm = `${dest}-calm`
  run(t, 'Migrate, and look at what was left out', src, calm)
  assert.deepEqual(layerDigests(dest), layerDigests(calm))
})

test('inspect() and nodes() read a Cortex', (t) => {
  const { src, dest } = cortex(t)
  const [head, ...ips] = run(t, 'Read a Cortex', src, dest).lines
  assert.equal(head, `a Cortex of 0.1.x with ${readdirSync(join(src, 'layers')).length} layers`)
  assert.ok(ips.length > 0)
  for (const line of ips) assert.match(line, /^\d+( \S+)*\s*$/)
})

test('SlabReader of synapse-migrator/pages reads the databases of a slab', (t) => {
  const { src, dest } = cortex(t)
  const { lines } = run(t, 'Read pages', src, dest)
  assert.ok(
    lines.some((line) => /^hive \d+$/.test(line)),
    lines.join('\n'),
  )
})

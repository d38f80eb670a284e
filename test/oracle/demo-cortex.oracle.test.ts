import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { parseLine } from '../support/compare.js'
import { copyCortex, fixture, migrate, migrateByReference, python, type Release, unpack } from '../support/cortex.js'
import { dumpCortex } from '../support/dump.js'
import { tempDir } from '../support/fixture.js'

/** What facts.py tells of a running Cortex; the rest of it is compared as it is. */
interface Facts {
  readonly allowed: { [user: string]: { [what: string]: string } }
  readonly 'allowed in the fork': Facts['allowed']
  readonly queues: { [name: string]: [number, string][] }
  readonly triggers: unknown[][]
  readonly users: { [name: string]: { passwords: string[] } }
}

interface Replayed {
  readonly rows: number
  readonly nodes: number
  readonly 'only layer': string[]
  readonly 'only replay': string[]
}

/** What 2.x decides otherwise than 0.1.58 from the same rules: the same happens after the reference. */
const DECIDED_OTHERWISE = [
  // 0.1.58 does not ask the layer's gate, of which ben is an admin.
  ...['add a tag', 'del a node', 'del a tag', 'set a prop', 'set a tag prop', 'set a zone'].map(
    (what) => `ben: ${what}`,
  ),
  // 0.1.58 names the queue in the permission and looks for its owner in the wrong place; 2.x has a gate for each queue.
  'ben: put into a queue',
  'ben: read a queue',
  'cat: read a queue',
]
/** cat is an admin of the fork, which 0.1.58 does not ask. */
const DECIDED_OTHERWISE_IN_FORK = ['cat: add a trigger']
const LAYERS = 4
/** Kinds of edits of a 0.2.x node edit. */
const Kind = { tagPropSet: 6, nodedataSet: 8 } as const

const dir = tempDir()
const src = join(dir, 'src')
const dest = join(dir, 'dest')

before(() => {
  unpack('demo-cortex.tar.gz', src)
  const { status, stderr } = migrate('--src', src, '--dest', dest)
  assert.equal(status, 8, stderr)
})

for (const release of ['200', '280', 'latest'] as const) {
  test(`Synapse ${release} adds edits behind the migrated ones and keeps each of those`, () => {
    const migrated = editRows(dumpCortex(dest))
    assert.equal(migrated.size, LAYERS - 1)
    const { before: found, after } = run<{ [side: string]: { [iden: string]: string[] } }>(release, 'edit_log.py', dest)
    assert.equal(Object.keys(found).length, LAYERS)
    for (const [iden, rows] of Object.entries(found)) {
      assert.deepEqual(rows, migrated.get(iden) ?? [], `layer ${iden} when the Cortex starts`)
      assert.deepEqual(after[iden].slice(0, rows.length), rows, `layer ${iden} after new edits`)
      const later = after[iden].slice(rows.length)
      assert.ok(later.length >= 10, `layer ${iden} has only ${later.length} new rows`)
      assert.ok(later.every((row) => offsetOf(row) >= rows.length))
    }
  })
}

test('Replaying the node edits of a layer into an empty layer of Synapse 2.0.0 gives its nodes', () => {
  const layers = Object.entries(run<{ [iden: string]: Replayed }>('200', 'replay.py', dest))
  assert.equal(layers.length, LAYERS - 1)
  for (const [iden, { rows, nodes, ...only }] of layers) {
    assert.ok(rows > 0 && nodes > 0)
    // 0.1.58 writes no splices for node data, and none for tag props that go with their tag.
    assert.deepEqual(
      only['only layer'].filter((edit) => kindOf(edit) !== Kind.nodedataSet),
      [],
      `layer ${iden}`,
    )
    assert.deepEqual(
      only['only replay'].filter((edit) => kindOf(edit) !== Kind.tagPropSet),
      [],
      `layer ${iden}`,
    )
    assert.ok(only['only replay'].length <= 1, `layer ${iden}`)
  }
})

test('Users, queues, triggers, cron jobs, packages, services and daemons work in 2.0.0 as they did in 0.1.58', () => {
  const before = run<Facts>('01x', 'facts.py', src)
  const after = run<Facts>('200', 'facts.py', dest)
  const { queues, triggers, users } = before
  assert.deepEqual(withoutDecisions(after), withoutDecisions(before))
  assert.deepEqual(changes(before.allowed, after.allowed), DECIDED_OTHERWISE.toSorted())
  assert.deepEqual(changes(before['allowed in the fork'], after['allowed in the fork']), DECIDED_OTHERWISE_IN_FORK)
  assert.deepEqual(users.root.passwords, ['secret'])
  assert.equal(queues.orders.length, 3)

  const byReference = join(dir, 'reference')
  migrateByReference(src, byReference, '--map-partial')
  const reference = run<Facts>('200', 'facts.py', byReference)
  // D11: its queues have the items of others; D15: of two equal triggers it keeps one.
  assert.notDeepEqual(reference.queues, queues)
  assert.equal(reference.triggers.length, triggers.length - 1)
  assert.deepEqual({ ...reference, queues, triggers }, after)
})

test('Synapse 2.0.0 reads from the result the nodes that 0.1.58 reads from the source', () => {
  assert.deepEqual(nodes('200', dest), lines(fixture('demo-cortex.nodes.jsonl.gz')))
})

/** Rows `[offset,edits,meta]` of the edit logs in a dump, by layer iden. */
function editRows(dump: readonly string[]): Map<string, string[]> {
  const rows = dump.map(parseLine).filter(({ path, db }) => path.endsWith('/nodeedits.lmdb') && db === 'nodeedits')
  const layers = new Map<string, string[]>()
  for (const { path, row } of rows) {
    if (!/^\[\d+,\[/.test(row)) continue // what the slab has of databases
    const iden = path.split('/')[1]
    layers.set(iden, [...(layers.get(iden) ?? []), row.replace(/^\[(\d+),\[/, '[$1,').slice(0, -1)])
  }
  for (const found of layers.values()) found.sort((a, b) => offsetOf(a) - offsetOf(b))
  return layers
}

function offsetOf(row: string): number {
  return Number(/^\[(\d+),/.exec(row)?.[1])
}

/** The kind of the edit in `[buid,form,[kind,…]]`. */
function kindOf(edit: string): number {
  return Number(/^\[\{"\$b":"\w{64}"\},(?:null|"[^"]*"),\[(\d+),/.exec(edit)?.[1])
}

function withoutDecisions({ allowed, 'allowed in the fork': inFork, ...facts }: Facts) {
  return { ...facts, tried: [tried(allowed), tried(inFork)] }
}

function tried(allowed: Facts['allowed']): string[] {
  return Object.entries(allowed).flatMap(([user, does]) => Object.keys(does).map((what) => `${user}: ${what}`))
}

function changes(before: Facts['allowed'], after: Facts['allowed']): string[] {
  const changed = tried(before).filter((name) => {
    const [user, what] = name.split(': ')
    return before[user][what] !== after[user][what]
  })
  return changed.sort()
}

/** Runs a script of test/oracle on a copy of a Cortex. */
function run<T>(release: Release, script: string, cortex: string): T {
  return JSON.parse(python(release, script, copyOf(cortex)))
}

function nodes(release: Release, cortex: string): string[] {
  const file = join(dir, `nodes-${release}.jsonl.gz`)
  python(release, 'export_nodes.py', copyOf(cortex), file)
  return lines(file)
}

let copies = 0
function copyOf(cortex: string): string {
  return copyCortex(cortex, join(dir, `copy-${copies++}`))
}

function lines(file: string): string[] {
  return gunzipSync(readFileSync(file)).toString('utf8').split('\n').slice(0, -1)
}

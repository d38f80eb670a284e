import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { decode, PackMap, type Value } from '../../src/bytes/msgpack.js'
import { fromJson } from '../../src/bytes/value-json.js'
import { ERROR_KINDS } from '../../src/layout/error-record.js'
import { migrate, synapseMigrator, tempDir, unpack } from '../support/cortex.js'

const LAYER = 'da202ae99a55194da2d4b96eb84a754b'

interface Line {
  readonly step: string
  readonly code: string
  readonly layer: string | null
  readonly form: string | null
  readonly buid: string | null
  readonly offset: number | null
  readonly message: string
  readonly value: never
}

test('errors counts by step and code, then lists each with layer, form, buid and message', (t) => {
  const dest = migrated(t, 'bad/normerror/src.tar.gz')
  const { status, stdout, stderr } = synapseMigrator(['errors', dest])
  assert.deepEqual([status, stderr], [0, ''])
  const lines = stdout.split('\n')
  assert.deepEqual(lines.slice(0, 3), [
    'errors  step   code  meaning',
    '     5  nodes  NORM  the model norms the form value to something else',
    'to cure NORM: Add the node with its normed value in the 0.1.x Cortex, or migrate again with --safety-off, which keeps it as it is',
  ])
  assert.equal(
    lines[10],
    `nodes NORM  layer ${LAYER}  ps:person  8820bf41b018ad2053b594c52eb893d519b24a03a131031a286d58e1ce714bb2`,
  )
  assert.match(lines[11], /^ {2}Buid\/norming exception BadTypeValu: mesg='valu is not a guid\.'/)
  const limited = synapseMigrator(['errors', dest, '--limit', '2']).stdout
  assert.match(limited, /^ {5}5 {2}nodes/m)
  assert.equal(limited.match(/^nodes NORM/gm)?.length, 2)
  assert.match(limited, /^… and 3 more: give --limit, or --json for everything$/m)
})

test('errors --json prints a line for each with everything that was kept, bytes included', (t) => {
  const dest = migrated(t, 'bad/badutf8-key/src.tar.gz')
  const found = jsonLines(dest)
  assert.deepEqual(
    found.map(({ step, code, layer, form }) => [step, code, layer, form]),
    [
      ['nodedata', 'NODE', LAYER, 'inet:fqdn'],
      ['nodes', 'ROW', LAYER, 'inet:fqdn'],
    ],
  )
  const value = fromJson(found[1].value) as PackMap
  const [buid, info] = value.get('node') as Value[]
  assert.equal(Buffer.from(buid as Uint8Array).toString('hex'), found[1].buid)
  assert.deepEqual((info as PackMap).get('rows'), [
    [Uint8Array.of(0xff, 0xfe), Uint8Array.from([0x92, 0xa1, 0x78, 0xc4, 0])],
  ])
  assert.equal(value.get('rule'), 'ROW')
  const names = (value.get('raw') as Uint8Array[][]).map(([name]) => Buffer.from(name).toString('latin1'))
  assert.deepEqual(names, [
    '#foo',
    '#foo.t0',
    '*inet:fqdn',
    '.created',
    'domain',
    'host',
    'issuffix',
    'iszone',
    'zone',
    '\xff\xfe',
  ])
  const [, raw] = ((fromJson(found[0].value) as PackMap).get('nodedata') as PackMap).entries[0]
  assert.ok(decode(raw as Uint8Array) instanceof PackMap)
  assert.deepEqual(jsonLines(dest, '--step', 'nodes'), [found[1]])
  assert.deepEqual(jsonLines(dest, '--limit', '1'), [found[0]])
  assert.deepEqual(jsonLines(dest, '--layer', 'da20'), found)
  assert.deepEqual(jsonLines(dest, '--layer', 'da21'), [])
})

test('errors tells splices by their offset and form, and steps of the cell by their key', (t) => {
  const splices = jsonLines(migrated(t, 'bad/splices-old/src.tar.gz'), '--step', 'splices')
  assert.deepEqual(
    splices.map(({ code, form, offset }) => `${offset} ${form} ${code}`),
    [
      '143 seen STORTYPE',
      '145 inet:fqdn STORTYPE',
      '146 nope:x FORM',
      '148 inet:fqdn STORTYPE',
      '149 inet:fqdn EDIT',
      '150 inet:fqdn STORTYPE',
    ],
  )
  assert.ok(splices.every(({ layer, buid }) => layer === LAYER && buid === null))
  const dest = migrated(t, 'demo-cortex.tar.gz')
  const text = synapseMigrator(['errors', dest]).stdout
  assert.match(text, /^hiveauth OWNER {2}queue:ownerless\n {2}Missing iden values for queue$/m)
  // That boot.yaml was replaced is in the log as well, but nothing was left behind for it: the summary does not count it.
  assert.deepEqual(
    jsonLines(dest).map(({ step }) => step),
    ['hiveauth'],
  )
  assert.deepEqual(
    jsonLines(dest, '--step', 'cell').map(({ step }) => step),
    ['cell'],
  )
  assert.match(synapseMigrator(['errors', dest, '--step', 'nodes']).stdout, /^no errors\n$/)
})

test('errors gives every bad node the code of its cause', (t) => {
  const causes: [string, string][] = [
    ['badbuid', 'BUID'],
    ['unknownform', 'FORM'],
    ['unknowntagprop', 'STORTYPE'],
    ['notnormed', 'NORM'],
    ['int-min', 'INDEX'],
  ]
  for (const [name, code] of causes) {
    const codes = jsonLines(migrated(t, `bad/${name}/src.tar.gz`), '--step', 'nodes').map((line) => line.code)
    assert.deepEqual([...new Set(codes)], [code], name)
    assert.ok(code in ERROR_KINDS)
  }
})

test('node data of a node that no layer has is a note: exit code 0, and errors lists it with --notes', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/nodedata-orphan/src.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  const { status, stdout } = migrate('--src', src, '--dest', dest, '--workers', '1')
  assert.equal(status, 0)
  assert.match(
    stdout,
    /^ {2}note: 1 nodedata DELETED, node data left over of a node that no layer has any more: Nothing/m,
  )
  assert.match(stdout, /^ {2}no errors$/m)
  assert.equal(synapseMigrator(['errors', dest]).stdout, 'no errors\n')
  const listed = synapseMigrator(['errors', dest, '--notes']).stdout
  assert.match(listed, /^ {5}1 {2}nodedata {2}DELETED {2}node data left over/m)
  assert.doesNotMatch(listed, /to cure/)
  assert.equal(jsonLines(dest, '--notes')[0].code, 'DELETED')
  // Whether the node is gone cannot be told when other layers are not asked.
  const unasked = join(dir, 'unasked')
  assert.equal(migrate('--src', src, '--dest', unasked, '--workers', '1', '--no-map-partial').status, 8)
  const [{ code, step }] = jsonLines(unasked)
  assert.deepEqual([step, code], ['nodedata', 'PARTIAL'])
  assert.match(synapseMigrator(['errors', unasked]).stdout, /^to cure PARTIAL: .*--map-partial/m)
})

test('errors ends with 6 where there is no migration log', (t) => {
  const dir = tempDir(t)
  const { status, stderr } = synapseMigrator(['errors', dir])
  assert.equal(status, 4)
  assert.equal(
    stderr,
    `error: Cannot list errors of "${dir}": there is no ${join(dir, 'migration', 'migr.lmdb')}\n` +
      'hint: give the directory that --dest of the migration named\n',
  )
})

function migrated(t: { after(fn: () => void): void }, name: string): string {
  const dir = tempDir(t)
  const src = unpack(name, join(dir, 'src'))
  const dest = join(dir, 'dest')
  const { status, stderr } = migrate('--src', src, '--dest', dest, '--workers', '1')
  assert.ok(status === 0 || status === 8, stderr)
  return dest
}

function jsonLines(dest: string, ...args: string[]): Line[] {
  const { stdout } = synapseMigrator(['errors', dest, '--json', ...args])
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))
}

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { decode, encode, PackMap, type Value } from '../../src/bytes/msgpack.js'
import { dumpErrors } from '../../src/dest/error-dump.js'
import { MigrationLog, migrationLogPath, readMigrationLog } from '../../src/dest/migration-log.js'
import { countForms, formCountTable } from '../../src/inspect/form-counts.js'
import { SlabReader } from '../../src/page/page-reader.js'
import { tempDir, unpack } from '../support/cortex.js'

const LAYER = 'da202ae99a55194da2d4b96eb84a754b'
/** A real one: it holds a NUL at byte 9 and is not UTF-8. */
const BUID = Buffer.from('6bab776a76f6bb65aa008074ffffffffffffffffffffffffffffffffffffffff', 'hex')

test('MigrationLog.put() writes keys and values as the reference reads them', async (t) => {
  const dir = tempDir(t)
  const log = await MigrationLog.open(dir)
  log.put(
    { migrop: 'cell', logtyp: 'prog', key: 'none', val: 1795357912346 },
    { migrop: 'nodes', logtyp: 'error', key: BUID, val: new PackMap([['mesg', 'm']]) },
  )
  const slab = SlabReader.open(migrationLogPath(dir))
  const rows = [...(slab.db('migr')?.rows() ?? [])].map(({ key, value }) => [hex(key), hex(value)])
  slab.close()
  assert.deepEqual(rows, [
    ['63656c6c0070726f67006e6f6e65', 'cf000001a203abad1a'],
    [`6e6f646573006572726f7200${BUID.toString('hex')}`, '81a46d657367a16d'],
  ])
  await log.close()
})

test('MigrationLog.get() finds exactly its key and records() keep buids whole', async (t) => {
  const dir = tempDir(t)
  const log = await MigrationLog.open(dir)
  log.put(
    { migrop: 'nodes', logtyp: 'stat', key: `${LAYER}:form:ps:persona`, val: [1, 2] },
    { migrop: 'nodes', logtyp: 'error', key: BUID, val: 'one' },
    { migrop: 'nodes', logtyp: 'error', key: Buffer.alloc(32, 'a'), val: 'two' },
  )
  assert.equal(log.get('nodes', 'stat', `${LAYER}:form:ps:person`), undefined)
  assert.deepEqual(log.get('nodes', 'stat', `${LAYER}:form:ps:persona`), [1, 2])
  assert.equal(log.get('nodes', 'error', BUID), 'one')
  const keys = [...log.records('nodes', 'error')].map(({ key }) => key)
  assert.deepEqual(keys.map((key) => Buffer.from(key as Uint8Array).length), [32, 32])
  assert.deepEqual(readMigrationLog(dir)?.length, 3)
  await log.close()
}) // biome-ignore format: a list

test('MigrationLog.clear() removes what it is asked to and nothing else', async (t) => {
  const log = await MigrationLog.open(tempDir(t))
  for (const key of ['a', 'b']) log.put({ migrop: 'triggers', logtyp: 'error', key, val: 1 })
  log.put({ migrop: 'triggers', logtyp: 'stat', key: 'a', val: 2 })
  assert.equal(
    log.clear('triggers', 'error', ({ key }) => key === 'b'),
    1,
  )
  assert.equal(log.clear('triggers', 'error'), 1)
  assert.deepEqual([...log.records()], [{ migrop: 'triggers', logtyp: 'stat', key: 'a', val: 2 }])
  await log.close()
})

test('readMigrationLog() reads the log of the reference', (t) => {
  const dir = join(unpack('reference/oldform.tar.gz', tempDir(t)), 'dest')
  const records = readMigrationLog(dir) ?? []
  const one = (migrop: string, logtyp: string) => records.find((r) => r.migrop === migrop && r.logtyp === logtyp)
  assert.deepEqual(one('chkvalid', 'vers')?.val, [0, 1, 58])
  assert.deepEqual(one('nodes', 'vers'), { migrop: 'nodes', logtyp: 'vers', key: LAYER, val: [0, 1, 3] })
  const errors = records.filter(({ migrop, logtyp }) => migrop === 'nodes' && logtyp === 'error')
  assert.deepEqual(errors.map(({ key }) => hex(key as Uint8Array)), [
    'a0ade86c32f87562e3146ccae4df1a5de9078e9ea72a4bfa95592eaceab46753',
    'c11283ea8722c2365915e2cb8c2aad96b1071ebc67354ee55ff739270588324c',
  ])
}) // biome-ignore format: a list

test('dumpErrors() writes the errors of all steps, nodes first, under whole keys', (t) => {
  const dir = join(unpack('reference/oldform.tar.gz', tempDir(t)), 'dest')
  const path = dumpErrors(dir, 1795368568538)
  assert.equal(path, join(dir, 'migration', 'migrerrors_1795368568538.mpk'))
  const errors = (decode(readFileSync(String(path))) as PackMap[]).map((error) => new Map(error.entries))
  assert.deepEqual(errors.map((error) => error.get('migrop')), ['nodes', 'nodes', 'nodedata'])
  assert.deepEqual([...errors[0].keys()], ['migrop', 'logtyp', 'key', 'val'])
  assert.deepEqual(errors.map((error) => (error.get('key') as Uint8Array).length), [32, 32, 32])
  for (const error of errors) assert.ok(error.get('val') instanceof PackMap)
}) // biome-ignore format: a list

test('dumpErrors() keeps the text keys of other steps and writes an empty array without errors', async (t) => {
  const dir = tempDir(t)
  assert.equal(dumpErrors(dir, 1), null)
  const log = await MigrationLog.open(dir)
  assert.equal(hex(readFileSync(String(dumpErrors(dir, 1)))), '90')
  const val: Value = new PackMap([['err', 'x']])
  log.put({ migrop: 'hiveauth', logtyp: 'error', key: 'queue:é', val })
  const expected = encode([new PackMap([['migrop', 'hiveauth'], ['logtyp', 'error'], ['key', 'queue:é'], ['val', val]])])
  assert.equal(hex(readFileSync(String(dumpErrors(dir, 2)))), hex(expected))
  await log.close()
}) // biome-ignore format: a list

test('countForms() and formCountTable() give what the reference prints, in sorted order', (t) => {
  const srcDir = unpack('bad/oldform/src.tar.gz', tempDir(t))
  const destDir = join(unpack('reference/oldform.tar.gz', tempDir(t)), 'dest')
  const [layer, ...more] = countForms(srcDir, destDir)
  assert.deepEqual(more, [])
  assert.equal(layer.inDest, true)
  const pad = ' '.repeat(14)
  const row = (form: string, source: number, dest: number, diff: string) =>
    `${form.padEnd(35)}${source}${pad}${dest}${pad}${diff.padEnd(15)}\n`
  assert.equal(
    formCountTable(layer),
    `\n\nForm counts for layer ${LAYER}:\n` +
      `${'FORM'.padEnd(35)}SRC_CNT        DEST_CNT       DIFF           \n` +
      row('inet:asn', 2, 2, '0') +
      row('inet:dns:a', 5, 5, '0') +
      row('inet:fqdn', 7, 6, '-1') +
      row('inet:ipv4', 5, 5, '0') +
      row('seen', 1, 0, '-1') +
      row('syn:tag', 4, 4, '0') +
      `${'TOTAL'.padEnd(35)}24             22             -2             \n\n`,
  )
})

test('countForms() counts zero for a layer that the destination does not have', (t) => {
  const srcDir = unpack('bad/oldform/src.tar.gz', tempDir(t))
  const [layer] = countForms(srcDir, null)
  assert.equal(layer.inDest, false)
  assert.deepEqual(layer.forms[0], { form: 'inet:asn', source: 2, dest: 0 })
  assert.throws(() => countForms(srcDir, tempDir(t)), { code: 'ERR_DEST' })
})

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

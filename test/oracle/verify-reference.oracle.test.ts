import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { migrateByReference, tempDir, unpack } from '../support/cortex.js'
import { verify } from '../support/verify.js'

test('verify of a destination that the reference has made lists what it lost, and nothing else', (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  migrateByReference(src, dest)
  const report = verify(src, dest, 7)
  assert.deepEqual(report.expected, ['Another tool has made the destination'])
  const places = (...names: string[]) => report.differences.filter(({ place }) => names.includes(place))
  const forks = ['2509b8f52972b481ad6d8bd538faf9a1', 'b64b74b3527f791d064f62576bcb3042']
  // D10: the last splice of each layer.
  assert.deepEqual(
    places('nodeedits')
      .map(({ kind, layer }) => `${kind} ${layer}`)
      .sort(),
    ['missing 0b4eb4d9fb9d979464a52b2b803afb03', ...forks.map((iden) => `missing ${iden}`)].sort(),
  )
  // D23: nodes whose form row lies in another layer, with their index rows; D12: tag props with options.
  const rows = places('bybuid', 'byprop', 'byarray', 'bytag', 'bytagprop')
  const lost = rows.filter(({ layer }) => forks.includes(layer ?? ''))
  assert.ok(lost.length > 150 && lost.every(({ kind }) => kind === 'missing'))
  const types = rows.filter(({ kind }) => kind === 'different')
  assert.ok(types.length >= 10 && types.every(({ row }) => /\b(tiny|since)\b/.test(row)), JSON.stringify(types))
  // D15: triggers have other idens, and equal ones are one; views have no creator.
  const hive = places('hive')
  assert.ok(
    hive.every(({ row }) => /\/triggers\/|^trigger |\/creator$/.test(row)),
    JSON.stringify(hive),
  )
  assert.deepEqual(places('errors', 'count:forms', 'layer_v2.lmdb', 'nodedata.lmdb', 'nodeedits.lmdb'), [])
})

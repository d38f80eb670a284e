import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { countStorm, readExtModel, readLayerFacts, readSource } from '../../src/source/cortex-dir.js'
import { tempDir, unpack } from '../support/cortex.js'
import { plant, put } from '../support/plant.js'

const LAYER = 'da202ae99a55194da2d4b96eb84a754b'

test('readSource() tells the layers of the hive from directories that it does not know (D16)', (t) => {
  const dir = unpack('bad/orphan-layerdir/src.tar.gz', tempDir(t))
  mkdirSync(join(dir, 'layers', 'lost+found'))
  mkdirSync(join(dir, 'layers', 'f'.repeat(32)))
  writeFileSync(join(dir, 'layers', 'note.txt'), '')
  const source = readSource(dir)
  assert.equal(source.cellGuid, readFileSync(join(dir, 'cell.guid'), 'utf8').trim())
  assert.deepEqual(source.layers, [{ iden: LAYER, dir: join(dir, 'layers', LAYER) }])
  assert.equal(source.orphans.length, 1)
  assert.deepEqual([...source.strays].sort(), ['f'.repeat(32), 'lost+found', 'note.txt'])
  assert.deepEqual([source.missing, source.remote], [[], []])
  rmSync(join(dir, 'layers', LAYER), { recursive: true })
  const [missing] = readSource(dir).missing
  assert.deepEqual([missing.iden, missing.reason], [LAYER, `there is no directory "${join(dir, 'layers', LAYER)}"`])
})

test('readSource() lists remote layers apart', (t) => {
  const source = readSource(unpack('bad/remotelayer/src.tar.gz', tempDir(t)))
  assert.deepEqual(source.remote, ['e'.repeat(32)])
  assert.deepEqual(source.missing, [])
})

test('readSource() refuses what is no Cortex directory', (t) => {
  const dir = tempDir(t)
  assert.throws(() => readSource(join(dir, 'absent')), { code: 'ERR_SOURCE', message: /it does not exist$/ })
  assert.throws(() => readSource(dir), { code: 'ERR_SOURCE', message: /it is empty$/ })
})

test('readLayerFacts() reads version, next splice and sizes, and does without slabs', (t) => {
  const facts = (name: string) => {
    const [layer] = readSource(unpack(`bad/${name}/src.tar.gz`, tempDir(t))).layers
    return readLayerFacts(layer)
  }
  const { usedBytes, largestBytes, ...intact } = facts('intact')
  assert.deepEqual(intact, {
    hasLayerSlab: true,
    hasNodeData: true,
    modelVersion: [0, 1, 3],
    nextSplice: 142,
    feedOffsets: new Map(),
  })
  assert.ok(usedBytes > 0 && usedBytes % 4096 === 0)
  assert.ok(largestBytes > 0 && largestBytes <= usedBytes)
  assert.deepEqual(facts('wrongversion').modelVersion, [0, 1, 2])
  assert.equal(facts('noversion').modelVersion, null)
  assert.equal(facts('nosplices').nextSplice, null)
  assert.equal(facts('nonodedata').hasNodeData, false)
  const none = facts('nolayerslab')
  assert.deepEqual([none.hasLayerSlab, none.modelVersion], [false, null])
})

test('countStorm() counts triggers that cannot be read: the step that moves them reports them', (t) => {
  const dir = unpack('source/cell.tar.gz', tempDir(t))
  plant(join(dir, 'slabs', 'cell.lmdb'), [put('triggers', Buffer.alloc(16, 1), Uint8Array.of(0x93, 0x01))])
  assert.equal(countStorm(readSource(dir)).triggers, 21)
})

test('countStorm() and readExtModel() read what a Cortex keeps beside nodes', (t) => {
  const dir = unpack('source/cell.tar.gz', tempDir(t))
  const source = readSource(dir)
  assert.deepEqual(countStorm(source), { triggers: 20, crons: 6, commands: 2 })
  const { props, univs, tagProps } = readExtModel(source.hive)
  assert.deepEqual([props.length, univs.length, tagProps.length], [9, 3, 9])
  assert.equal((props[0] as unknown[])[0], 'file:bytes')
})

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { BUID_BYTES } from '../../src/bytes/buid.js'
import { byteListOf } from '../../src/bytes/byte-list.js'
import { encode } from '../../src/bytes/msgpack.js'
import { NullPort } from '../../src/forecast/null-port.js'
import { extractNodes } from '../../src/migrate/tasks/node-extract.js'
import { Model } from '../../src/model/model.js'
import { buildSlab } from '../page/built-slab.js'
import { tempDir } from '../support/cortex.js'

test('extractNodes() counts all nodes of forms whose names read alike', (t) => {
  const dir = tempDir(t)
  const row = (of: number, name: readonly number[]) => ({
    key: Buffer.concat([Buffer.alloc(BUID_BYTES, of), Uint8Array.of(0x2a, ...name)]),
    value: encode(['x', null]),
  })
  // Neither name is UTF-8.
  const rows = [row(1, [0xfe]), row(2, [0xff]), row(3, [0xff])]
  buildSlab(join(dir, 'layer.lmdb'), { bybuid: { dupSort: false, rows } })
  const { sourceForms, nodes } = extractNodes({
    layer: 'l'.repeat(32),
    layerPath: join(dir, 'layer.lmdb'),
    nodedataPath: null,
    otherLayerPaths: [],
    knownForms: [],
    checks: true,
    mapPartial: true,
    isLayerMissing: false,
    model: Model.core().toJSON(),
    partition: 0,
    start: null,
    end: null,
    borders: byteListOf([]),
    runPath: null,
    ...new NullPort().input(),
  })
  assert.equal(nodes, 3)
  assert.deepEqual(sourceForms, [['\ufffd', 3]])
})

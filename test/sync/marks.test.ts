import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BLIND_MS, Marks } from '../../src/sync/layer/marks.js'

test('Marks forget the row of a bottom that the destination had not committed', () => {
  const marks = new Marks(10, [], 0)
  marks.learn(10, { index: 7 })
  marks.learnRow(7, 'row 7')
  marks.add(1_000, { offset: 20, digest: null, index: 17 })
  // The destination was killed, and comes back with a shorter log.
  assert.equal(marks.rewind(6, 2_000, false), 10)
  marks.learnRow(6, 'row 6')
  marks.add(3_000, { offset: 20, digest: null, index: 16 })
  // Row 7 is another one now.
  assert.deepEqual(
    marks.withRow(16).map(({ index, row }) => [index, row]),
    [[6, 'row 6']],
  )
  assert.equal(marks.anchorsUpTo(10)[0].index, 6)
  assert.equal(marks.rewind(5, 2_000 + BLIND_MS, true), null)
})

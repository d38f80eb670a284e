import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareDumps, type Difference } from './compare.js'

const row = 'layers/a/layer_v2.lmdb\tbybuid\t["00","prop","x",[1,9]]'
const other = 'layers/a/layer_v2.lmdb\tbybuid\t["00","prop","x",[{"$f":"3ff0000000000000"},9]]'

test('compareDumps() finds a row that only one side has, and one that it has once more', () => {
  const { unexplained } = compareDumps([row, row], [row, other])
  assert.deepEqual(
    unexplained.map(({ side, count }) => [side, count]),
    [
      ['ours', 1],
      ['reference', 1],
    ],
  )
})

test('compareDumps() counts what a decision covers, and only that', () => {
  const covers = (difference: Difference) => difference.side === 'ours'
  const { explained, unexplained } = compareDumps([row], [other], [{ id: 'D1', covers }])
  assert.deepEqual([...explained], [['D1', 1]])
  assert.deepEqual(
    unexplained.map(({ side }) => side),
    ['reference'],
  )
})

test('compareDumps() takes no account of clock and chance', () => {
  const dump = (iden: string, time: number) => [
    `slabs/cell.lmdb\thive\t["auth\\u0000roles\\u0000${iden}","all"]`,
    `slabs/cell.lmdb\thive\t["auth\\u0000users\\u0000ab\\u0000roles",["${iden}"]]`,
    `migration/migr.lmdb\tmigr\t["dmodel\\u0000prog\\u0000none",${time}]`,
    `migration/migr.lmdb\tmigr\t["nodes\\u0000chkpnt\\u0000ab",["x",5,${time}]]`,
    `migration/migr.lmdb\tmigr\t["nodes\\u0000stat\\u0000ab:duration",[5,${time}]]`,
    `migration/lyroffs.yaml\t\t{"ab":{"created":${time},"nextoffs":3}}`,
    `migration/authhier_${time}.mpk\t\t[["a","b"],["c","d"],[]]`,
  ]
  assert.deepEqual(compareDumps(dump('1'.repeat(32), 5), dump('2'.repeat(32), 77)).unexplained, [])
})

test('compareDumps() keeps the counts beside the times', () => {
  const dump = (count: number) => [`migration/migr.lmdb\tmigr\t["nodes\\u0000stat\\u0000ab:duration",[${count},1]]`]
  assert.equal(compareDumps(dump(5), dump(6)).unexplained.length, 2)
})

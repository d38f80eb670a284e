import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode, PackMap } from '../../src/bytes/msgpack.js'
import { cellError, codeOf, ERROR_KINDS, type ErrorCode, packErrorRecord } from '../../src/layout/error-record.js'

test('every kind of error says what it means and what to do, in words that start with a capital letter', () => {
  for (const [code, { meaning, cure }] of Object.entries(ERROR_KINDS)) {
    assert.match(code, /^[A-Z]{3,8}$/)
    assert.match(meaning, /^[a-z]/, code)
    assert.match(cure, /^[A-Z].*[^.]$/, code)
  }
})

test('codeOf() reads the kind that a record names, whatever its message says', () => {
  for (const code of Object.keys(ERROR_KINDS) as ErrorCode[]) {
    const facts = { mesg: 'Calculated buid does not match inbound', code, layer: 'ab' }
    const { value } = packErrorRecord('nodes', Buffer.alloc(32), facts, [['node', []]])
    assert.equal(codeOf('nodes', decode(value)), code)
    assert.equal(codeOf('triggers', cellError(code, 'Missing iden values', [['rule', new PackMap([])]])), code)
  }
})

test('codeOf() guesses nothing: records of another tool name no kind', () => {
  const trigger = new PackMap([
    ['err', 'Missing iden values for trigger'],
    ['rule', new PackMap([['storm', 'x']])],
  ])
  assert.equal(codeOf('triggers', trigger), 'UNKNOWN')
  assert.equal(codeOf('nodes', new PackMap([['mesg', 'Unable to determine stortype for x']])), 'UNKNOWN')
  assert.equal(codeOf('nodes', new PackMap([['rule', 'toString']])), 'UNKNOWN')
  assert.equal(codeOf('nodedata', 'Nodedata form not resolved from migrated node slab'), 'UNKNOWN')
  assert.equal(codeOf('splices', 'noexist'), 'NOLOG')
  assert.equal(codeOf('cell', 1577836800000), 'PASSWD')
})

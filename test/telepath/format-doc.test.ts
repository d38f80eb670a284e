import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { initMessage } from '../../src/telepath/message.js'

test('the example of docs/format/telepath.md is what initMessage() makes', () => {
  const [, block] =
    readFileSync('docs/format/telepath.md', 'utf8').match(/```hex\n([^`]*)```/) ?? assert.fail('no example')
  const hex = block
    .split('\n')
    .map((line) => line.slice(0, 40).match(/^[0-9a-f ]*/)?.[0] ?? '')
    .join('')
    .replaceAll(' ', '')
  assert.equal(Buffer.concat(initMessage('splices', [0, 3], {}, null, 'abc')).toString('hex'), hex)
})

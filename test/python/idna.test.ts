import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { encodeIdna } from '../../src/python/idna.js'

test('encodeIdna() does with every character what Python does', () => {
  // Made by test/oracle/make_idna_digest.py.
  const { block, digests } = JSON.parse(readFileSync('test/fixtures/idna-digest.json', 'utf8')) as {
    block: number
    digests: { [start: string]: string }
  }
  assert.ok(Object.keys(digests).length * block >= 0x33000)
  for (const [start, digest] of Object.entries(digests)) assert.equal(blockDigest(Number(start), block), digest, start)
})

// Names as Python's `str.encode('idna')` has them.
test('encodeIdna() prepares labels as RFC 3491 says', () => {
  const table: [string, string | null][] = [
    ['bücher.example', 'xn--bcher-kva.example'],
    ['BÜCHER.example', 'xn--bcher-kva.example'],
    ['faß.de', 'fass.de'],
    ['例え。jp', 'xn--r8jz45g.jp'],
    ['ﬁ.com', 'fi.com'],
    ['é.com.', 'xn--9ca.com.'],
    ['a..é', null],
    ['xn--é.com', null],
    ['é\u00a0.com', 'xn-- -9fa.com'],
    ['é\u3000.com', 'xn-- -9fa.com'],
    ['é\u2028.com', null],
    ['אa.com', null],
    ['א1.com', null],
    ['\u00ad.com', null],
    [`${'é'.repeat(60)}.com`, null],
    ['plain.example', 'plain.example'],
    [`${'x'.repeat(64)}.com`, null],
    ['a..b', null],
  ]
  for (const [text, encoded] of table) assert.equal(encodeIdna(text), encoded, text)
})

function blockDigest(start: number, length: number): string {
  const lines: string[] = []
  for (let code = start; code < start + length; code++) {
    if (code < 0xd800 || code > 0xdfff) lines.push(encodeIdna(`a${String.fromCodePoint(code)}`) ?? '!')
  }
  return createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16)
}

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseDocument } from 'yaml'
import { ERROR_KINDS } from '../../src/layout/error-record.js'
import { yamlDocument } from '../../src/slab/yaml-file.js'
import { hintedErrors } from '../support/hinted-errors.js'

/** What users of the reference tool know and search for. */
const NODE_ERRORS = [
  'Unable to determine stortype',
  'Buid/norming exception: NoSuchForm',
  'Normed form val does not match inbound',
  'Calculated buid does not match inbound',
]
/** Texts of fewer words of their own say nothing that could be searched for. */
const FEWEST_WORDS = 3

const headings = [...readFileSync('docs/troubleshooting.md', 'utf8').matchAll(/^### `(.*)`$/gm)].map(([, text]) => text)

test('docs/troubleshooting.md has a heading for each error text that has a hint, and for no other', () => {
  const texts = hintedErrors('src').map(({ text }) => text)
  const found = new Set(
    texts.filter((text) => text.replaceAll(/[…:"]/g, ' ').trim().split(/\s+/).length >= FEWEST_WORDS),
  )
  assert.ok(found.size > 80, `only ${found.size} texts were found in src`)
  assert.deepEqual(headings.slice(0, NODE_ERRORS.length), NODE_ERRORS)
  assert.deepEqual([...new Set(headings.slice(NODE_ERRORS.length))].sort(), [...found].sort())
})

test('the password of root goes above the last line of the new cell.yaml, as its error says', () => {
  const lines = yamlDocument({ 'storm:log': false }).trimEnd().split('\n')
  assert.match(ERROR_KINDS.PASSWD.cure, /above the "\.\.\." at its end/)
  const above = [...lines.slice(0, -1), 'auth:passwd: secret', ...lines.slice(-1)].join('\n')
  const document = parseDocument(above)
  assert.deepEqual([document.errors, document.toJS()], [[], { 'storm:log': false, 'auth:passwd': 'secret' }])
  assert.notDeepEqual(parseDocument([...lines, 'auth:passwd: secret'].join('\n')).errors, [])
})

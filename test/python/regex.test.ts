import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePattern } from '../../src/python/regex.js'

// Patterns with texts that Python's `regex` matches and texts that it does not.
const table: [string, string[], string[]][] = [
  ['^[a-z]+$', ['abc', 'abc\n'], ['Abc', 'abc\n\n', '']],
  [String.raw`[a-z]+\Z`, ['abc'], ['abc\n']],
  ['b', ['b', 'bc'], ['ab']],
  ['(?P<a>x)(?P=a)', ['xx'], ['xy']],
  ['^(?<first>[a-z]+)(?<num>[0-9]+)?', ['ab1'], ['1']],
  [String.raw`^\w+\s\d+$`, ['é 1', 'a\u00a0٣'], ['a\x1c1', '- 1']],
  ['(?i)^cve-[0-9]{4}', ['CVE-2020'], ['CWE-2020']],
  ['a.b', ['a\rb', 'a\u2028b', 'a😀b'], ['a\nb']],
  ['(?s)a.b', ['a\nb'], []],
  ['(?m)^a$', ['a\nb'], ['ab']],
  [String.raw`[\d.,-]+\Z`, ['1-2.3'], ['1_2']],
  ['[]a]+$', [']a'], ['b']],
  ['[^]a]', ['b'], [']', 'a']],
  ['(?:ab)++c', ['ababc'], ['ababd']],
  ['(?>a|ab)c', ['ac'], ['abc']],
  ['a*+a', [], ['aaa']],
  ['a{,2}$', ['', 'aa'], ['aaa']],
  ['{a}', ['{a}'], ['a']],
  [String.raw`(\d)\1`, ['11'], ['12']],
  ['(?x) a b # c', ['ab'], ['a b']],
  [String.raw`[^\W\d_]+$`, ['aé'], ['a1', '_']],
  [String.raw`\.\-\:\"`, ['.-:"'], ['a']],
  [String.raw`\x41\u0042`, ['AB'], ['ab']],
  [String.raw`a\b`, ['a', 'a b'], ['ab', 'aé']],
  ['[[:alpha:]]+$', ['aé'], ['a1']],
]

test('compilePattern() matches as Python’s regex does', () => {
  for (const [source, matching, others] of table) {
    const pattern = compilePattern(source)
    for (const text of matching) assert.ok(pattern.exec(text), `${source} matches ${JSON.stringify(text)}`)
    for (const text of others) assert.equal(pattern.exec(text), null, `${source} matches not ${JSON.stringify(text)}`)
  }
})

test('compilePattern() refuses what it cannot translate, and says where', () => {
  for (const source of ['(?|a|b)', '(a', 'a)', '[a', '(?1)', '*a', String.raw`\R`, '(?:cats){e<=1}', '(?(1)a|b)']) {
    assert.throws(() => compilePattern(source), { name: 'ModelError', message: /^Cannot translate pattern/ }, source)
  }
})

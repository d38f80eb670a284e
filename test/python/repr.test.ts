import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { decode, PackMap } from '../../src/bytes/msgpack.js'
import { pyRepr, pyStr } from '../../src/python/repr.js'
import { TelepathError } from '../../src/telepath/errors.js'

/** msgpack of a value, and what CPython 3.7 answers to `repr()` of it. */
const REPRS = [
  ['c0', 'None'],
  ['c3', 'True'],
  ['c2', 'False'],
  ['00', '0'],
  ['ff', '-1'],
  ['cf8000000000000000', '9223372036854775808'],
  ['d38000000000000000', '-9223372036854775808'],
  ['cfffffffffffffffff', '18446744073709551615'],
  ['cb3ff0000000000000', '1.0'],
  ['cb8000000000000000', '-0.0'],
  ['cb0000000000000000', '0.0'],
  ['cb4341c37937e08000', '1e+16'],
  ['cb4341c37937e07fff', '9999999999999998.0'],
  ['cb4480f0cf064dd592', '1e+22'],
  ['cb444b1ae4d6e2ef50', '1e+21'],
  ['cb3f1a36e2eb1c432d', '0.0001'],
  ['cb3ee4f8b588e368f1', '1e-05'],
  ['cb40fe240c9fbe76c9', '123456.789'],
  ['cb0000000000000001', '5e-324'],
  ['cb7fefffffffffffff', '1.7976931348623157e+308'],
  ['cb7ff8000000000000', 'nan'],
  ['cb7ff0000000000000', 'inf'],
  ['cbfff0000000000000', '-inf'],
  ['a3610962', "'a\\tb'"],
  ['a469742773', '"it\'s"'],
  ['a86974277320227822', "'it\\'s \"x\"'"],
  ['a15c', "'\\\\'"],
  ['a6007fc285c2a0', "'\\x00\\x7f\\x85\\xa0'"],
  ['a2c3a9', "'\u00e9'"],
  ['a4f09f9880', "'\ud83d\ude00'"],
  ['a3edb080', "'\\udc00'"],
  ['a578eda08079', "'x\\ud800y'"],
  ['a3e2808b', "'\\u200b'"],
  ['a0', "''"],
  ['c4026869', "b'hi'"],
  ['c40469742773', 'b"it\'s"'],
  ['c40500ff0a5c22', "b'\\x00\\xff\\n\\\\\"'"],
  ['90', '()'],
  ['9101', '(1,)'],
  ['920192cb4004000000000000a161', "(1, (2.5, 'a'))"],
  ['80', '{}'],
  ['82a161010291c40178', "{'a': 1, 2: (b'x',)}"],
  ['81c4016bc0', "{b'k': None}"],
] as const

for (const [packed, expected] of REPRS) {
  test(`pyRepr() quotes ${expected.slice(0, 40)} as Python does`, () => {
    assert.equal(pyRepr(decode(Buffer.from(packed, 'hex'))), expected)
  })
}

test('pyStr() shows text as it is and everything else by its repr', () => {
  assert.equal(pyStr("it's"), "it's")
  assert.equal(pyStr([1]), '(1,)')
})

test('an exception of a peer quotes its fields as Python does', () => {
  for (const [packed, expected] of REPRS) {
    const value = decode(Buffer.from(packed, 'hex'))
    const error = new TelepathError('BadTypeValu', new PackMap([['valu', value]]))
    assert.equal(error.message, `BadTypeValu: valu=${expected}`)
  }
})

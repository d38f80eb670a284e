import { Ext, Float, PackMap, RawStr, utf8, type Value } from '../bytes/msgpack.js'
import { CharSet, unicodeTables } from './char-set.js'

/** The characters for which Python's `str.isprintable()` holds. */
export const printableChars = new CharSet(unicodeTables.printable)

/** The name of the Python type that a value has once unpacked (arrays are tuples), for texts that quote Python's. */
export function pyTypeName(value: Value): string {
  if (value === null) return 'NoneType'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'number' || typeof value === 'bigint') return 'int'
  if (value instanceof Float) return 'float'
  if (isText(value)) return 'str'
  if (value instanceof Uint8Array) return 'bytes'
  if (Array.isArray(value)) return 'tuple'
  return value instanceof Ext ? 'ExtType' : 'dict'
}

export function isText(value: Value): value is string | RawStr {
  return typeof value === 'string' || value instanceof RawStr
}

/** The int that Python sees in a value (True is 1), or null when it is none. */
export function pyInt(value: Value): bigint | null {
  if (typeof value === 'bigint') return value
  return typeof value === 'number' || typeof value === 'boolean' ? BigInt(value) : null
}

/** UTF-8 of a text as Python's `surrogatepass` writes it. */
export function textBytes(value: string | RawStr): Uint8Array {
  return value instanceof RawStr ? value.bytes : utf8(value)
}

/** `value[key]` as Python reads an item of a tuple, of bytes or of a dict; undefined when there is none. */
export function pyItem(value: Value, key: number): Value | undefined {
  if (Array.isArray(value)) return value[key]
  if (value instanceof Uint8Array) return value[key]
  if (value instanceof PackMap) return value.entries.find(([k]) => k === key)?.[1]
  if (value instanceof RawStr) return [...codePoints(value)][key]
  return typeof value === 'string' ? [...value][key] : undefined
}

/** The code points of a text as Python sees them: two surrogates stay two, each a text of its own. */
export function* codePoints(text: string | RawStr): Iterable<string> {
  if (typeof text === 'string') return yield* text
  const { bytes } = text
  let start = 0
  while (start < bytes.length) {
    let end = start + 1
    while (end < bytes.length && (bytes[end] & 0xc0) === 0x80) end++
    yield codePoint(bytes, start, end)
    start = end
  }
}

function codePoint(bytes: Uint8Array, start: number, end: number): string {
  const lead = bytes[start]
  if (lead < 0x80) return String.fromCharCode(lead)
  let code = lead & (0xff >> (end - start + 1))
  for (let i = start + 1; i < end; i++) code = (code << 6) | (bytes[i] & 0x3f)
  return String.fromCodePoint(code)
}

/** Python's `repr` of a value, as its exceptions quote it. */
export function pyRepr(value: Value): string {
  if (typeof value === 'string') return reprText(value)
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'number' || typeof value === 'bigint') return value.toString()
  if (value instanceof Float) return pyFloatRepr(value.value)
  if (value instanceof RawStr) return reprText(codePoints(value))
  if (value instanceof Uint8Array) return reprBytes(value)
  if (Array.isArray(value)) return value.length === 1 ? `(${pyRepr(value[0])},)` : `(${value.map(pyRepr).join(', ')})`
  if (value instanceof PackMap) return `{${value.entries.map(([k, v]) => `${pyRepr(k)}: ${pyRepr(v)}`).join(', ')}}`
  return `ExtType(code=${value.type}, data=${reprBytes(value.data)})`
}

/** Python's `repr` of a float: the shortest digits that read back, with an exponent below 1e-4 and from 1e16 on. */
export function pyFloatRepr(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (Object.is(value, -0)) return '-0.0'
  const [digits, exponentText] = value.toExponential().split('e')
  const exponent = Number(exponentText)
  if (value !== 0 && (exponent < -4 || exponent >= 16)) {
    return `${digits}e${exponent < 0 ? '-' : '+'}${Math.abs(exponent).toString().padStart(2, '0')}`
  }
  const text =
    exponent < 0 && value !== 0 ? value.toFixed(digits.replace(/[-.]/g, '').length - 1 - exponent) : `${value}`
  return /[.]/.test(text) ? text : `${text}.0`
}

function reprText(text: Iterable<string>): string {
  const chars = [...text]
  const quote = chars.includes("'") && !chars.includes('"') ? '"' : "'"
  return quote + chars.map((char) => (char === quote ? `\\${char}` : escaped(char))).join('') + quote
}

function reprBytes(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte))
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const body = text.map((char) => (char === quote ? `\\${char}` : char > '~' ? hexEscape(char) : escaped(char)))
  return `b${quote}${body.join('')}${quote}`
}

function escaped(char: string): string {
  const short = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }[char]
  if (short !== undefined) return short
  return printableChars.hasChar(char) ? char : hexEscape(char)
}

function hexEscape(char: string): string {
  const hex = (char.codePointAt(0) as number).toString(16)
  if (hex.length <= 2) return `\\x${hex.padStart(2, '0')}`
  return hex.length <= 4 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
}

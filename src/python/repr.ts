import { Float, PackMap, RawStr, type Value } from '../bytes/msgpack.js'
import { printableChars } from './char-set.js'
import { codePoints } from './values.js'

/** Python's `str()` of a value, as in an f-string: text has no quotes. */
export function pyStr(value: Value): string {
  return typeof value === 'string' ? value : pyRepr(value)
}

/**
 * Python's `repr` of an unpacked value: arrays are tuples, maps are dicts. Use it for every message that quotes a value
 * as Python does.
 */
export function pyRepr(value: Value): string {
  if (typeof value === 'string') return reprText(value)
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'number' || typeof value === 'bigint') return value.toString()
  if (value instanceof Float) return pyFloatRepr(value.value)
  if (value instanceof RawStr) return reprText(codePoints(value))
  if (value instanceof Uint8Array) return pyBytesRepr(value)
  if (Array.isArray(value)) return value.length === 1 ? `(${pyRepr(value[0])},)` : `(${value.map(pyRepr).join(', ')})`
  if (value instanceof PackMap) return `{${value.entries.map(([k, v]) => `${pyRepr(k)}: ${pyRepr(v)}`).join(', ')}}`
  return `ExtType(code=${value.type}, data=${pyBytesRepr(value.data)})`
}

/**
 * Python's `repr` of a float: the shortest digits that read back to it, with an exponent below 1e-4 and from 1e16 on.
 */
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

/** Python's `repr` of bytes. */
export function pyBytesRepr(bytes: Uint8Array): string {
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

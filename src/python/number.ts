import { NormError } from '../norm-error.js'
import { unicodeTables } from './char-set.js'
import { pyRepr } from './repr.js'
import { isSpace } from './text.js'

export type Int = number | bigint

const zeros = [...unicodeTables.zero].map((zero) => zero.codePointAt(0) as number)
const base0 =
  /^([+-]?)(?:0[xX]_?([0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)|0[oO]_?([0-7]+(?:_[0-7]+)*)|0[bB]_?([01]+(?:_[01]+)*)|([1-9][0-9]*(?:_[0-9]+)*|0+(?:_0+)*))$/
const base10 = /^([+-]?)([0-9]+(?:_[0-9]+)*)$/
const base16 = /^[+-]?(?:0[xX]_?)?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*$/
const float =
  /^[+-]?(?:(?:[0-9]+(?:_[0-9]+)*\.?(?:[0-9]+(?:_[0-9]+)*)?|\.[0-9]+(?:_[0-9]+)*)(?:[eE][+-]?[0-9]+(?:_[0-9]+)*)?)$/
const special = /^([+-]?)(inf|infinity|nan)$/i

/** `int(text, 0)`: decimal, 0x, 0o or 0b. @throws {NormError} ValueError */
export function parseInt0(text: string): Int {
  const match = base0.exec(asciiNumber(text))
  if (match === null) throw invalidInt(text, 0)
  const [, sign, hex, octal, binary, decimal] = match
  const digits =
    hex !== undefined ? `0x${hex}` : octal !== undefined ? `0o${octal}` : binary !== undefined ? `0b${binary}` : decimal
  return signed(sign, digits)
}

/** `int(text)`. @throws {NormError} ValueError */
export function parseInt10(text: string): Int {
  const match = base10.exec(asciiNumber(text))
  if (match === null) throw invalidInt(text, 10)
  return signed(match[1], match[2])
}

/** Whether `int(text, 16)` reads a text. */
export function isInt16(text: string): boolean {
  return base16.test(asciiNumber(text))
}

export function invalidInt(text: string, base: number): NormError {
  return new NormError(
    'ValueError',
    `invalid literal for int() with base ${base}: ${[...pyRepr(text)].slice(0, 200).join('')}`,
  )
}

/** `float(text)`. @throws {NormError} ValueError */
export function parseFloat64(text: string): number {
  const ascii = asciiNumber(text)
  if (float.test(ascii)) return Number(ascii.replaceAll('_', ''))
  const match = special.exec(ascii)
  if (match === null)
    throw new NormError('ValueError', `could not convert string to float: ${ascii === '' ? '' : pyRepr(text)}`)
  if (match[2].toLowerCase() === 'nan') return Number.NaN
  return match[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
}

/** `float(int)`. @throws {NormError} OverflowError */
export function intToFloat(int: Int): number {
  const value = Number(int)
  if (!Number.isFinite(value)) throw new NormError('OverflowError', 'int too large to convert to float')
  return value
}

/** `int(float)`. @throws {NormError} for infinity and NaN */
export function floatToInt(value: number): Int {
  if (Number.isNaN(value)) throw new NormError('ValueError', 'cannot convert float NaN to integer')
  if (!Number.isFinite(value)) throw new NormError('OverflowError', 'cannot convert float infinity to integer')
  return smallest(BigInt(Math.trunc(value)))
}

/** The value of a character that Python takes for a decimal digit, or -1. */
export function decimalOf(char: string): number {
  const code = char.codePointAt(0) as number
  if (code < 0x80) return code >= 0x30 && code <= 0x39 ? code - 0x30 : -1
  for (const zero of zeros) if (code >= zero && code < zero + 10) return code - zero
  return -1
}

export function smallest(value: bigint): Int {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/**
 * The ASCII that Python reads a number from, without white space around: in a text that has other characters, digits and
 * white space of all scripts count; the blank that remains inside matches nothing.
 */
function asciiNumber(text: string): string {
  let ascii = text
  if (/[^\0-\x7f]/.test(text)) {
    ascii = ''
    for (const char of text) {
      const decimal = decimalOf(char)
      ascii += char < '\x7f' ? char : isSpace(char) ? ' ' : decimal >= 0 ? `${decimal}` : '?'
    }
  }
  return ascii.replace(/^[\t-\r ]+/, '').replace(/[\t-\r ]+$/, '')
}

function signed(sign: string, digits: string): Int {
  const value = BigInt(digits.replaceAll('_', ''))
  return smallest(sign === '-' ? -value : value)
}

import { RawStr, utf8 } from '../bytes/msgpack.js'
import { CharSet, printableChars, unicodeTables } from './char-set.js'

/** The first of the private characters that stand for surrogates. */
const SHIELD = 0x10f000

/** White space for Python's strings, which JavaScript defines differently, as the inside of a character class. */
const SPACE_CLASS = '\\t\\n\\v\\f\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000'
const spaces = new RegExp(`[${SPACE_CLASS}]+`)
const space = new RegExp(`^[${SPACE_CLASS}]$`)
const ascii = /^[\0-\x7f]*$/
const printableAscii = /^[\x20-\x7e]*$/

const assigned = new CharSet(unicodeTables.assigned)
const digit = new CharSet(unicodeTables.digit)
const word = new CharSet(unicodeTables.word)

/** Characters of Unicode 11. Python 3.7 knows no properties of newer ones. */
export const assignedChars = assigned

/** `\w` of Python's `regex`. */
export const wordChars = word

export function isAscii(text: string): boolean {
  return ascii.test(text)
}

/** `str.lower()`: characters newer than Unicode 11 have no case. */
export function lower(text: string): string {
  if (ascii.test(text)) return text.toLowerCase()
  for (const char of text) if (isNewer(char)) return lowerKnown(text)
  return text.toLowerCase()
}

/** `str.strip()`. */
export function strip(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isSpaceCode(text.charCodeAt(start))) start++
  while (end > start && isSpaceCode(text.charCodeAt(end - 1))) end--
  return start === 0 && end === text.length ? text : text.slice(start, end)
}

/** `str.strip(chars)`. */
export function stripChars(text: string, chars: string): string {
  let start = 0
  let end = text.length
  while (start < end && chars.includes(text[start])) start++
  while (end > start && chars.includes(text[end - 1])) end--
  return text.slice(start, end)
}

/** `str.split()`: the words between white space. */
export function words(text: string): string[] {
  return text.split(spaces).filter((part) => part !== '')
}

/** `str.split(separator, 1)`: one or two parts. */
export function splitOnce(text: string, separator: string): [string] | [string, string] {
  const at = text.indexOf(separator)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)]
}

/** The characters for which `str.isprintable()` holds. */
export function printables(text: string): string {
  if (printableAscii.test(text)) return text
  let out = ''
  for (const char of text) if (printableChars.hasChar(char)) out += char
  return out
}

/** The characters for which `str.isdigit()` holds: more than the decimal ones. */
export function digits(text: string): string {
  let out = ''
  for (const char of text) if (isDigit(char)) out += char
  return out
}

function isDigit(char: string): boolean {
  return (char >= '0' && char <= '9') || (char > '\x7f' && digit.hasChar(char))
}

export function isSpace(char: string): boolean {
  return space.test(char)
}

/** How Python orders texts: by code point. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  if (ascii.test(a) && ascii.test(b)) return a < b ? -1 : 1
  return Buffer.compare(utf8(a), utf8(b))
}

/**
 * Replaces each surrogate of a text that JavaScript cannot hold by a private character. Python knows no properties of
 * either kind, so norms treat both alike; unshield() turns the result back.
 */
export function shield(text: RawStr): string {
  let out = ''
  const { bytes } = text
  let plain = 0
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] !== 0xed || bytes[i + 1] < 0xa0) continue
    out += Buffer.from(bytes.subarray(plain, i)).toString('utf8')
    out += String.fromCodePoint(SHIELD + (((bytes[i + 1] & 0x1f) << 6) | (bytes[i + 2] & 0x3f)))
    i += 2
    plain = i + 1
  }
  return out + Buffer.from(bytes.subarray(plain)).toString('utf8')
}

export function unshield(text: string): string | RawStr {
  const parts: Uint8Array[] = []
  let found = false
  for (const char of text) {
    const code = (char.codePointAt(0) as number) - SHIELD
    if (code >= 0 && code < 0x800) {
      found = true
      parts.push(Uint8Array.of(0xed, 0xa0 | (code >> 6), 0x80 | (code & 0x3f)))
    } else parts.push(utf8(char))
  }
  return found ? new RawStr(Uint8Array.from(Buffer.concat(parts))) : text
}

/** Undoes shield() in a message that quotes a shielded text. */
export function unshieldRepr(message: string): string {
  return message.replace(/U0010f([0-7][0-9a-f]{2})/g, (_, hex: string) => {
    return `u${(0xd800 + Number.parseInt(hex, 16)).toString(16)}`
  })
}

function isSpaceCode(code: number): boolean {
  if (code < 0x80) return (code >= 0x09 && code <= 0x0d) || (code >= 0x1c && code <= 0x20)
  return space.test(String.fromCharCode(code))
}

function isNewer(char: string): boolean {
  return char > '\x7f' && !assigned.hasChar(char) && (char.length > 1 || char < '\ud800' || char > '\udfff')
}

function lowerKnown(text: string): string {
  let out = ''
  let known = ''
  for (const char of text) {
    if (!isNewer(char)) known += char
    else {
      out += known.toLowerCase() + char
      known = ''
    }
  }
  return out + known.toLowerCase()
}

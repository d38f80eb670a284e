import { sha256 } from '../bytes/hash.js'
import type { Value } from '../bytes/msgpack.js'
import { NormError, synError } from '../norm-error.js'
import { isAscii, lower, splitOnce, strip, stripChars } from '../python/text.js'
import { guidOf, isGuid, RANDOM_GUID } from './guid.js'
import { unhex } from './hex.js'
import { OwnStr } from './str.js'
import type { ByteCheck } from './type.js'

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const plainFile = /^(?:sha256:[0-9a-f]{64}|guid:[0-9a-f]{32})$/

/** What norming keeps in a name, as the inside of a character class. */
const PLAIN_CHARS = ' !-.0-@[\\]-~'
const SLASH = 0x2f

/** file:base: the last part of a path. */
export class FileBase extends OwnStr {
  override isNormed(value: Value): boolean {
    return typeof value === 'string' && /^[!-.0-@[\]-~]*$/.test(value)
  }

  override get byteCheck(): ByteCheck | null {
    return { kind: 'text', chars: PLAIN_CHARS }
  }

  protected override ofText(text: string): Value {
    const norm = lower(strip(text)).replaceAll('\\', '/')
    if (norm.includes('/')) throw this.bad('file:base may not contain /', text)
    return norm
  }
}

/** file:path: lower case, with "/" between the parts and nothing relative. */
export class FilePath extends OwnStr {
  override get byteCheck(): ByteCheck | null {
    return { kind: 'filePath', chars: PLAIN_CHARS, mark: SLASH }
  }

  protected override ofText(text: string): Value {
    const lead = text.startsWith('/') ? '/' : ''
    const plain = stripChars(lower(strip(text)).replaceAll('\\', '/'), '/')
    if (plain === '') return ''
    if (plain === '.' || plain === '..') throw this.bad('Cannot norm a bare relative path.', plain)
    const path: string[] = []
    for (const part of plain.split('/')) {
      if (part === '..') path.pop()
      else if (part !== '' && part !== '.') path.push(part)
    }
    if (path.length === 0) throw new NormError('IndexError', 'list index out of range')
    return lead + path.join('/')
  }
}

/** file:bytes: "sha256:" or "guid:" and the digits. */
export class FileBytes extends OwnStr {
  override isNormed(value: Value): boolean {
    return typeof value === 'string' && plainFile.test(value)
  }

  override get byteCheck(): ByteCheck | null {
    return { kind: 'fileBytes', chars: '0-9a-f' }
  }

  protected override ofArray(items: readonly Value[]): Value {
    return `guid:${guidOf(items as Value[])}`
  }

  protected override ofBytes(bytes: Uint8Array): Value {
    return `sha256:${Buffer.from(sha256(bytes)).toString('hex')}`
  }

  protected override ofText(text: string): Value {
    if (text === '*') return `guid:${RANDOM_GUID}`
    const parts = splitOnce(text, ':')
    if (parts.length === 1) return this.ofBareDigits(text)
    const [kind, value] = parts
    if (kind === 'base64') return this.ofBytes(decodeBase64(value))
    const digits = lower(value)
    if (kind === 'hex') return this.ofBytes(unhex(digits))
    if (kind === 'guid') {
      if (!isGuid(digits)) throw this.bad('guid is not a guid', text)
      return `guid:${digits}`
    }
    if (kind === 'sha256') {
      if (codePointCount(digits) !== 64) throw this.bad('invalid length for sha256 valu', text)
      unhex(digits)
      return `sha256:${digits}`
    }
    throw synError('BadTypeValu', { name: this.name, valu: text, kind, mesg: 'unable to norm as file:bytes' })
  }

  private ofBareDigits(text: string): Value {
    if (codePointCount(text) !== 64) throw this.bad('unadorned file:bytes value is not a sha256', text)
    unhex(text)
    return `sha256:${lower(text)}`
  }
}

function codePointCount(text: string): number {
  return [...text].length
}

/** Python's `b64decode`: skips other characters but insists on padding. @throws {NormError} */
function decodeBase64(text: string): Uint8Array {
  if (!isAscii(text)) throw new NormError('ValueError', 'string argument should contain only ASCII characters')
  const bytes: number[] = []
  let quad = 0
  let bits = 0
  let left = 0
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '=') {
      if (quad < 2 || (quad === 2 && nextValid(text, i + 1) !== '=')) continue
      bits = 0
      break
    }
    const value = BASE64.indexOf(text[i])
    if (value < 0) continue
    quad = (quad + 1) % 4
    left = (left << 6) | value
    bits += 6
    if (bits >= 8) {
      bits -= 8
      bytes.push((left >> bits) & 0xff)
      left &= (1 << bits) - 1
    }
  }
  if (bits === 6) throw new NormError('Error', oneTooMany(bytes.length))
  if (bits !== 0) throw new NormError('Error', 'Incorrect padding')
  return Uint8Array.from(bytes)
}

function nextValid(text: string, from: number): string | undefined {
  for (let i = from; i < text.length; i++) if (text[i] === '=' || BASE64.includes(text[i])) return text[i]
  return undefined
}

function oneTooMany(byteCount: number): string {
  const count = Math.floor(byteCount / 3) * 4 + 1
  return `Invalid base64-encoded string: number of data characters (${count}) cannot be 1 more than a multiple of 4`
}

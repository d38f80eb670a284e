import type { Value } from '../bytes/msgpack.js'
import { NormError } from '../norm-error.js'
import { parseAddress } from '../python/rfc2822.js'
import { lower, splitOnce, strip, words } from '../python/text.js'
import { OwnStr } from './str.js'
import type { ByteCheck } from './type.js'

/** What inet:user leaves unchanged, without "@". */
const USER_CHARS = '!-?[-~'
/** What needs no quotes in a mail header. */
const PLAIN_WORDS: ByteCheck = { kind: 'parts', chars: 'a-z0-9', mark: 0x20 }
const PLAIN_USER: ByteCheck = { kind: 'parts', chars: 'a-z0-9_-', mark: 0x2e }

export class Email extends OwnStr {
  override isNormed(value: Value): boolean {
    if (typeof value !== 'string') return false
    const [user, fqdn] = splitOnce(value, '@')
    return fqdn !== undefined && /^[!-@[-~]*$/.test(user) && this.core('inet:fqdn').isNormed(fqdn)
  }

  override get byteCheck(): ByteCheck | null {
    return { kind: 'email', chars: USER_CHARS, items: [this.core('inet:fqdn')] }
  }

  protected override ofText(text: string): Value {
    const [user, fqdn] = splitOnce(text, '@')
    if (fqdn === undefined) throw this.bad('not enough values to unpack (expected 2, got 1)', text)
    try {
      const normed = this.core('inet:fqdn').normValue(fqdn)
      return `${this.core('inet:user').normValue(user)}@${normed}`
    } catch (error) {
      throw error instanceof NormError ? this.bad(error.message, text) : error
    }
  }
}

/** inet:rfc2822:addr: a name and an address, as in mail headers. */
export class Rfc2822Addr extends OwnStr {
  override get byteCheck(): ByteCheck | null {
    return { kind: 'mailAddr', items: [PLAIN_WORDS, PLAIN_USER, this.core('inet:fqdn')] }
  }

  protected override ofText(text: string): Value {
    const plain = words(lower(strip(text.replaceAll('"', ' ').replaceAll("'", ' ')))).join(' ')
    const { name, address } = parseAddress(plain)
    const email = this.emailOrNull(address)
    if (email === null) return plain
    return name === '' ? email : `${name} <${email}>`
  }

  private emailOrNull(address: string): Value {
    try {
      return this.core('inet:email').normValue(address)
    } catch (error) {
      if (error instanceof NormError && error.errName === 'BadTypeValu') return null
      throw error
    }
  }
}

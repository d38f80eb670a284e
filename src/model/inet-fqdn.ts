import type { Value } from '../bytes/msgpack.js'
import { encodeIdna } from '../python/idna.js'
import { isAscii, lower, strip, stripChars, wordChars } from '../python/text.js'
import { StorType } from '../stortype/registry.js'
import { type ByteCheck, Type } from './type.js'

const plainFqdn = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/
const DOT = 0x2e
const dotted = /^(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})$/

/** A domain name, in lower case and IDNA 2003. */
export class Fqdn extends Type {
  readonly stortype = StorType.fqdn

  override isNormed(value: Value): boolean {
    return typeof value === 'string' && plainFqdn.test(value) && /[a-z_-]/.test(value)
  }

  override get byteCheck(): ByteCheck | null {
    return { kind: 'fqdn', chars: 'a-z0-9_-', high: 63, mark: DOT }
  }

  protected override ofText(text: string): Value {
    const name = stripChars(strip(refanged(text)), '.')
    if (!isName(name)) throw this.bad('FQDN failed to match fqdnre [^[\\w._-]+$]', name)
    if (isDotted(name)) throw this.bad('FQDN Got an IP address instead', name)
    const encoded = encodeIdna(name)
    if (encoded === null) throw this.bad('Failed to encode/decode the value with idna/utf8.', name)
    return lower(encoded)
  }
}

/** Removes the brackets that people put in names and addresses so that nobody clicks them. */
export function refanged(text: string): string {
  return text.replaceAll('[.]', '.').replaceAll('(.)', '.')
}

/** Python's `$` also matches before one final line feed. */
function isName(text: string): boolean {
  const name = text.endsWith('\n') ? text.slice(0, -1) : text
  if (isAscii(name)) return /^[\w.-]+$/.test(name)
  for (const char of name) if (char !== '.' && char !== '-' && !wordChars.hasChar(char)) return false
  return true
}

/** Whether the C library's strict parser accepts a text as an IPv4 address. */
function isDotted(text: string): boolean {
  return dotted.test(text) && text.split('.').every((octet) => Number(octet) <= 255)
}

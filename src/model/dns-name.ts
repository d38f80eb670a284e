import type { Value } from '../bytes/msgpack.js'
import { invalidInt, isInt16 } from '../python/number.js'
import { lower, strip } from '../python/text.js'
import { OwnStr } from './str.js'
import { type ByteCheck, QUIET_CHARS } from './type.js'

const ARPA6 = '.ip6.arpa'

/** inet:dns:name: any name that a DNS query can ask for. */
export class DnsName extends OwnStr {
  override isNormed(value: Value): boolean {
    return typeof value === 'string' && /^[!-@[-~]*$/.test(value) && !value.endsWith(ARPA6)
  }

  override get byteCheck(): ByteCheck | null {
    return { kind: 'dnsName', chars: QUIET_CHARS }
  }

  protected override ofText(text: string): Value {
    const norm = strip(lower(text))
    if (norm.endsWith(ARPA6)) rejectNoHex(norm.slice(0, -ARPA6.length))
    return norm
  }
}

/** The reference parses 32 single-character parts as an address, and raises when they are not hex digits. */
function rejectNoHex(name: string): void {
  const digits = [...name].reverse().filter((char) => char !== '.')
  if (digits.length !== 32) return
  const hex = digits.join('')
  if (!isInt16(hex)) throw invalidInt(hex, 16)
}

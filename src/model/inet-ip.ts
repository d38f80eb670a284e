import type { Value } from '../bytes/msgpack.js'
import { AddressError, formatIpv4, formatIpv6, parseIpv6 } from '../python/ip.js'
import type { Int } from '../python/number.js'
import { printables } from '../python/text.js'
import { indexOf, StorType, StorTypeError } from '../stortype/registry.js'
import type { Cidr4, Cidr6 } from './inet-cidr.js'
import { refanged } from './inet-fqdn.js'
import { Range } from './range.js'
import { type ByteCheck, Type } from './type.js'

/** An IPv4 address as an int. */
export class Ipv4 extends Type {
  readonly stortype = StorType.u32

  override isNormed(value: Value): boolean {
    return typeof value === 'number' && value >= 0 && value <= 0xffffffff
  }

  override get byteCheck(): ByteCheck | null {
    return { kind: 'int', low: 0, high: 0xffffffff }
  }

  /** Higher bits are cut off. */
  override ofInt(int: Int): number {
    return this.isNormed(int) ? (int as number) : Number(BigInt.asUintN(32, BigInt(int)))
  }

  override ofText(text: string): number {
    const int = parseIpv4Text(text)
    if (int === null) throw this.bad('illegal IP address string passed to inet_aton', printables(refanged(text)))
    return int
  }
}

/** The result of norming a text as inet:ipv4, or null. */
export function parseIpv4Text(text: string): number | null {
  return parseAton(printables(refanged(text)))
}

/** An IPv6 address as text. IPv4 addresses become mapped ones. */
export class Ipv6 extends Type {
  readonly stortype = StorType.ipv6

  override get byteCheck(): ByteCheck | null {
    return { kind: 'ipv6' }
  }

  protected override ofInt(int: Int): Value {
    try {
      return formatMapped(indexOf(StorType.ipv6, int))
    } catch (error) {
      throw error instanceof StorTypeError ? this.bad(error.message, int) : error
    }
  }

  override ofText(text: string): string {
    const shown = printables(text)
    const address = shown.includes(':') ? shown : `::ffff:${shown}`
    try {
      return formatMapped(parseIpv6(address))
    } catch (error) {
      throw error instanceof AddressError ? this.bad(error.message, address) : error
    }
  }
}

/** A range of IPv4 addresses. Also accepts text with "-", or a CIDR block. */
export class Ipv4Range extends Range {
  protected override ofText(text: string): Value {
    if (text.includes('-')) return super.ofText(text)
    return this.ofArray((this.core('inet:cidr4') as Cidr4).bounds(text))
  }
}

/** A range of IPv6 addresses. Also accepts text with "-", or a CIDR block. */
export class Ipv6Range extends Range {
  override get byteCheck(): ByteCheck | null {
    const { subtype } = this
    return subtype.byteCheck?.kind === 'ipv6' ? { kind: 'ipv6Range', items: [subtype, subtype] } : null
  }

  protected override ofText(text: string): Value {
    if (text.includes('-')) return super.ofText(text)
    return this.ofArray((this.core('inet:cidr6') as Cidr6).bounds(text))
  }

  protected override isAbove(min: Value, max: Value): boolean {
    return Buffer.compare(parseIpv6(min as string), parseIpv6(max as string)) > 0
  }
}

function formatMapped(bytes: Uint8Array): string {
  const isMapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff
  if (!isMapped) return formatIpv6(bytes)
  return `::ffff:${formatIpv4(((bytes[12] << 24) | (bytes[13] << 16) | (bytes[14] << 8) | bytes[15]) >>> 0)}`
}

/** The C library's inet_aton: one to four parts, decimal, octal or hex. Ignores anything after white space. */
function parseAton(text: string): number | null {
  const parts = text.split(' ', 1)[0].split('.')
  if (parts.length > 4) return null
  let int = 0
  for (const [i, part] of parts.entries()) {
    const value = parseC(part)
    const isLast = i === parts.length - 1
    if (value === null || value >= (isLast ? 256 ** (5 - parts.length) : 256)) return null
    int = isLast ? int * 256 ** (5 - parts.length) + value : int * 256 + value
  }
  return int
}

/** strtoul with base 0, for a text that starts with a digit; it must use all of the text. */
function parseC(text: string): number | null {
  if (/^0[xX][0-9a-fA-F]+$/.test(text)) return Number.parseInt(text, 16)
  if (/^0[0-7]*$/.test(text)) return Number.parseInt(text, 8)
  return /^[1-9][0-9]*$/.test(text) ? Number(text) : null
}

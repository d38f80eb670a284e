import type { Value } from '../bytes/msgpack.js'
import { NormError } from '../norm-error.js'
import { AddressError, formatIpv4, formatIpv6, parseIpv6 } from '../python/ip.js'
import { parseInt10 } from '../python/number.js'
import { pyRepr } from '../python/repr.js'
import { splitOnce } from '../python/text.js'
import { OwnStr } from './str.js'
import type { ByteCheck } from './type.js'

/** inet:cidr4: the network's address and prefix length. */
export class Cidr4 extends OwnStr {
  override get byteCheck(): ByteCheck | null {
    return { kind: 'cidr4' }
  }

  /** The first and the last address of a block. */
  bounds(text: string): [number, number] {
    const { network, size } = this.block(text)
    return [network, network + size - 1]
  }

  protected override ofText(text: string): Value {
    const { network, length } = this.block(text)
    return `${formatIpv4(network)}/${length}`
  }

  private block(text: string): { network: number; size: number; length: number } {
    const [address, mask] = splitOnce(text, '/')
    if (mask === undefined) throw new NormError('ValueError', 'not enough values to unpack (expected 2, got 1)')
    const length = Number(parseInt10(mask))
    if (length > 32 || length < 0) throw this.bad('Invalid CIDR Mask', text)
    const size = 2 ** (32 - length)
    const int = this.core('inet:ipv4').normValue(address) as number
    return { network: int - (int % size), size, length }
  }
}

/** inet:cidr6: parsed and printed like Python's `ipaddress.IPv6Network`. */
export class Cidr6 extends OwnStr {
  override get byteCheck(): ByteCheck | null {
    return { kind: 'cidr6' }
  }

  bounds(text: string): [string, string] {
    const { network, length } = this.block(text)
    const last = network.map((byte, i) => byte | (0xff & ~prefixByte(length, i)))
    return [formatIpv6(network), formatIpv6(last)]
  }

  protected override ofText(text: string): Value {
    const { network, length } = this.block(text)
    return `${formatIpv6(network)}/${length}`
  }

  private block(text: string): { network: Uint8Array; length: number } {
    const [address, prefix = '128', ...rest] = text.split('/')
    if (rest.length > 0) throw this.bad(`Only one '/' permitted in ${pyRepr(text)}`, text)
    const network = this.parsed(address, text)
    const length = /^[0-9]+$/.test(prefix) ? Number(prefix) : Number.NaN
    if (!(length <= 128)) throw this.bad(`${pyRepr(prefix)} is not a valid netmask`, text)
    if (network.some((byte, i) => (byte & ~prefixByte(length, i)) !== 0)) {
      throw this.bad(`${formatIpv6(network)}/${length} has host bits set`, text)
    }
    return { network, length }
  }

  private parsed(address: string, text: string): Uint8Array {
    try {
      return parseIpv6(address)
    } catch (error) {
      throw error instanceof AddressError ? this.bad(error.message, text) : error
    }
  }
}

/** The byte at `index` of a mask of `length` bits. */
function prefixByte(length: number, index: number): number {
  const bits = Math.min(8, Math.max(0, length - 8 * index))
  return 0xff & (0xff00 >> bits)
}

import type { Value } from '../bytes/msgpack.js'
import { AddressError, parseIpv6 } from '../python/ip.js'
import { pyInt, pyTypeName } from '../python/values.js'
import { toBytes } from './int.js'
import { type IndexEncoder, StorTypeError } from './stortype.js'

/** The 16 bytes of an address, given as text, int or bytes. */
export const ipv6Index: IndexEncoder = {
  write: () => -1,

  index(value: Value) {
    const int = pyInt(value)
    if (int !== null) return intAddress(int)
    if (value instanceof Uint8Array) return packedAddress(value)
    // Python formats other values with repr, which never gives a valid address.
    if (typeof value !== 'string') throw addressError(`At least 3 parts expected in '${pyTypeName(value)}'`)
    try {
      return parseIpv6(value)
    } catch (error) {
      throw error instanceof AddressError ? addressError(error.message) : error
    }
  },
}

function intAddress(int: bigint): Uint8Array {
  if (int < 0n) throw addressError(`${int} (< 0) is not permitted as an IPv6 address`)
  if (int >> 128n > 0n) throw addressError(`${int} (>= 2**128) is not permitted as an IPv6 address`)
  return toBytes(int, 16)
}

function packedAddress(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 16) return bytes
  throw addressError(`${bytes.length} bytes are no IPv6 address: it has 16`)
}

function addressError(message: string): StorTypeError {
  return new StorTypeError('AddressValueError', message)
}

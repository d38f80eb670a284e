import { sha256 } from '../src/bytes/hash.js'
import { encode, type Value } from '../src/bytes/msgpack.js'
import { xxh64 } from '../src/bytes/xxh64.js'

/** How the 0.1.x model indexes a value. */
export type Kind = 'str' | 'int' | 'bool' | 'ival' | 'fqdn' | 'ipv4' | 'hex' | 'loc' | 'hashed' | 'strs'

export interface SyntheticProp {
  readonly name: string
  readonly kind: Kind
  readonly valu: Value
}

/**
 * The index bytes of 0.1.x for a value; for arrays those of the whole and of each element. What a row's second element holds, and
 * what its keys in the index dbs end with.
 */
export function indexOf(kind: Kind, valu: Value): Uint8Array | Uint8Array[] {
  switch (kind) {
    case 'bool':
      return Uint8Array.of(valu as number)
    case 'fqdn':
      return Buffer.from([...(valu as string)].reverse().join(''))
    case 'hashed':
      return sha256(encode(valu))
    case 'hex':
      return Buffer.from(valu as string, 'hex')
    case 'int':
      return signedInt(valu as number)
    case 'ipv4':
      return unsignedInt(valu as number)
    case 'ival':
      return Buffer.concat((valu as number[]).map(signedInt))
    case 'loc':
      return Buffer.from(`${(valu as string).split('.').join('\0')}\0`)
    case 'str':
      return chopped(Buffer.from(valu as string))
    case 'strs': {
      const items = (valu as string[]).map((item) => Buffer.concat([Uint8Array.of(1), chopped(Buffer.from(item))]))
      return [Buffer.concat([Uint8Array.of(0), sha256(encode(valu))]), ...items]
    }
  }
}

function signedInt(value: number): Buffer {
  const out = Buffer.alloc(8)
  out.writeBigUInt64BE(BigInt(value) + 0x8000_0000_0000_0000n)
  return out
}

function unsignedInt(value: number): Buffer {
  const out = Buffer.alloc(4)
  out.writeUInt32BE(value)
  return out
}

/** 0.1.x cuts an index at 256 bytes: the last eight are a hash of the whole. */
function chopped(index: Buffer): Buffer {
  if (index.length <= 256) return index
  const digest = Buffer.alloc(8)
  digest.writeBigUInt64BE(xxh64(index))
  return Buffer.concat([index.subarray(0, 248), digest])
}

import { md5Hex } from '../bytes/hash.js'
import type { Value } from '../bytes/msgpack.js'
import { packed } from '../norm-error.js'
import { lower } from '../python/text.js'
import { StorType } from '../stortype/registry.js'
import { type ByteCheck, Type } from './type.js'

const exactly32Hex = /^[0-9a-f]{32}$/

/** The reference norms "*" to a random guid. No stored value is "*", so this one never gets stored. */
export const RANDOM_GUID = '0'.repeat(32)

/** 32 hex digits. An array becomes the MD5 of its msgpack. */
export class Guid extends Type {
  readonly stortype = StorType.guid

  override isNormed(value: Value): boolean {
    return typeof value === 'string' && exactly32Hex.test(value)
  }

  override get byteCheck(): ByteCheck | null {
    return { kind: 'text', chars: '0-9a-f', low: 32, high: 32 }
  }

  protected override ofText(text: string): Value {
    if (text === '*') return RANDOM_GUID
    const guid = lower(text)
    if (!isGuid(guid)) throw this.bad('valu is not a guid.', guid)
    return guid
  }

  protected override ofArray(items: readonly Value[]): Value {
    return guidOf(items as Value[])
  }
}

/** Python's `$` also matches before one final line feed. */
export function isGuid(text: string): boolean {
  return exactly32Hex.test(text.endsWith('\n') ? text.slice(0, -1) : text)
}

export function guidOf(value: Value): string {
  return md5Hex(packed(value))
}

import type { Value } from '../bytes/msgpack.js'
import { lower, strip, words } from '../python/text.js'
import { StorType } from '../stortype/registry.js'
import { type ByteCheck, QUIET_CHARS, Type } from './type.js'

/** A place, from large to small: "us.ca.los angeles". */
export class Loc extends Type {
  readonly stortype = StorType.loc

  override isNormed(value: Value): boolean {
    return typeof value === 'string' && /^[!-@[-~]*$/.test(value)
  }

  override get byteCheck(): ByteCheck | null {
    return { kind: 'text', chars: QUIET_CHARS }
  }

  protected override ofText(text: string): Value {
    const parts = strip(lower(text)).split('.')
    return parts.map((part) => words(part).join(' ')).join('.')
  }
}

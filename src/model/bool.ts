import type { Value } from '../bytes/msgpack.js'
import { NormError } from '../norm-error.js'
import { type Int, parseInt0 } from '../python/number.js'
import { lower, strip } from '../python/text.js'
import { StorType } from '../stortype/registry.js'
import { type ByteCheck, Type } from './type.js'

const yes = ['true', 't', 'y', 'yes', 'on']
const no = ['false', 'f', 'n', 'no', 'off']

export class Bool extends Type {
  readonly stortype = StorType.u8

  override isNormed(value: Value): boolean {
    return value === 0 || value === 1
  }

  override get byteCheck(): ByteCheck | null {
    return { kind: 'int', low: 0, high: 1 }
  }

  protected override ofText(text: string): Value {
    const int = intOrNull(text)
    if (int !== null) return this.ofInt(int)
    const word = strip(lower(text))
    if (yes.includes(word)) return 1
    if (no.includes(word)) return 0
    throw this.bad('Failed to norm bool', text)
  }

  protected override ofInt(int: Int): Value {
    return Number(Boolean(int))
  }

  protected override ofBool(bool: boolean): Value {
    return Number(bool)
  }
}

function intOrNull(text: string): Int | null {
  try {
    return parseInt0(text)
  } catch (error) {
    if (error instanceof NormError) return null
    throw error
  }
}

import type { Value } from '../bytes/msgpack.js'
import { NormError } from '../norm-error.js'
import { floatToInt, type Int, parseFloat64 } from '../python/number.js'
import { compilePattern } from '../python/regex.js'
import { strip } from '../python/text.js'
import { StorType } from '../stortype/registry.js'
import { IntType } from './int.js'
import { type ByteCheck, Type } from './type.js'

const units: { readonly [unit: string]: number } = { mm: 1, cm: 10, m: 1000, meters: 1000, km: 1000000 }
const number = compilePattern(String.raw`\s*-?\d+(\.\d+)?`)

/** geo:dist: millimeters. */
export class Dist extends IntType {
  protected override ofInt(int: Int): Value {
    return int
  }

  protected override ofText(text: string): Value {
    const match = number.exec(text)
    if (match === null) {
      throw this.bad('Dist requires a valid float and dist unit, no valid float found', text)
    }
    const [, unit] = /^[ \t\n]*([a-zA-Z]*)/.exec(text.slice(match[0].length)) as unknown as [string, string]
    const factor = Object.hasOwn(units, unit.toLowerCase()) ? units[unit.toLowerCase()] : undefined
    if (factor === undefined) throw this.bad(`invalid/unknown dist unit: ${unit}`, text)
    return floatToInt(parseFloat64(match[0]) * factor)
  }
}

/** geo:latlong: a pair of floats, or text with a comma between them. */
export class LatLong extends Type {
  readonly stortype = StorType.latlong

  override isNormed(value: Value): boolean {
    if (!Array.isArray(value) || value.length !== 2) return false
    return this.core('geo:latitude').isNormed(value[0]) && this.core('geo:longitude').isNormed(value[1])
  }

  override get byteCheck(): ByteCheck | null {
    return { kind: 'tuple', items: [this.core('geo:latitude'), this.core('geo:longitude')] }
  }

  override keeps(value: Value): boolean {
    if (!Array.isArray(value) || value.length !== 2) return false
    return this.core('geo:latitude').keeps(value[0]) && this.core('geo:longitude').keeps(value[1])
  }

  protected override ofText(text: string): Value {
    return this.ofArray(strip(text).split(','))
  }

  protected override ofArray(items: readonly Value[]): Value {
    const valu = items as Value[]
    if (items.length !== 2) throw this.bad('Valu must contain valid latitude,longitude', valu)
    try {
      return [this.core('geo:latitude').normValue(items[0]), this.core('geo:longitude').normValue(items[1])]
    } catch (error) {
      throw error instanceof NormError ? this.bad(error.message, valu) : error
    }
  }
}

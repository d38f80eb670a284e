import { Float, type Value } from '../bytes/msgpack.js'
import { fromJson, type Json } from '../bytes/value-json.js'
import { type Int, intToFloat, parseFloat64 } from '../python/number.js'
import { pyRepr } from '../python/repr.js'
import { StorType } from '../stortype/registry.js'
import { type ByteCheck, type Opt, Type } from './type.js'

/**
 * A float with a minimum and a maximum; `minisvalid` and `maxisvalid` say whether the bounds themselves are allowed.
 */
export class FloatType extends Type {
  readonly stortype = StorType.float64
  private readonly min = boundOf(this.opts.min)
  private readonly max = boundOf(this.opts.max)

  override isNormed(value: Value): boolean {
    return value instanceof Float && !Number.isNaN(value.value) && this.fault(value.value) === null
  }

  override get byteCheck(): ByteCheck | null {
    return { kind: 'float', low: this.min?.value ?? -Infinity, high: this.max?.value ?? Infinity }
  }

  /** 0.1.x stores the longitude -180.0, which 0.2.x rejects as too low. */
  override keeps(value: Value): boolean {
    return super.keeps(value) || (this.name === 'geo:longitude' && value instanceof Float && value.value === -180)
  }

  protected override ofText(text: string): Value {
    return this.checked(this.parsedBy(parseFloat64, text))
  }

  protected override ofInt(int: Int): Value {
    return this.checked(intToFloat(int))
  }

  protected override ofFloat(float: Float): Value {
    return this.checked(float.value)
  }

  private checked(value: number): Float {
    const fault = this.fault(value)
    if (fault !== null) throw this.bad(fault, new Float(value))
    return new Float(value)
  }

  private fault(value: number): string | null {
    const { minisvalid = true, maxisvalid = true } = this.opts
    // NaN passes: it compares false with both bounds.
    const min = this.min
    if (min !== null && !(minisvalid ? value >= min.value : value > min.value)) return `value is below min=${min.text}`
    const max = this.max
    if (max !== null && !(maxisvalid ? value <= max.value : value < max.value)) return `value is above max=${max.text}`
    return null
  }
}

/** A bound, and how messages show it. */
interface Bound {
  readonly value: number
  readonly text: string
}

function boundOf(opt: Opt | undefined): Bound | null {
  if (opt === undefined || opt === null) return null
  const value = fromJson(opt as Json)
  return { value: value instanceof Float ? value.value : Number(value), text: pyRepr(value) }
}

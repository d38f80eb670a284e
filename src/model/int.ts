import type { Value } from '../bytes/msgpack.js'
import { type Int, parseInt0, smallest } from '../python/number.js'
import { lower } from '../python/text.js'
import { StorType } from '../stortype/registry.js'
import { type ByteCheck, modelError, type Opts, Type, type TypeModel } from './type.js'

const stortypes: { readonly [sizeAndSign: string]: number } = {
  '1true': StorType.i8,
  '2true': StorType.i16,
  '4true': StorType.i32,
  '8true': StorType.i64,
  '16true': StorType.i128,
  '1false': StorType.u8,
  '2false': StorType.u16,
  '4false': StorType.u32,
  '8false': StorType.u64,
  '16false': StorType.u128,
}

/** An int of a given size in bytes, with a minimum, a maximum, and optional names for values (`enums`). */
export class IntType extends Type {
  readonly stortype: number
  protected readonly min: Int
  protected readonly max: Int
  private readonly names = new Map<string, Int>()
  private readonly values = new Set<Int>()

  constructor(model: TypeModel, name: string, opts: Opts, subof: string | null) {
    super(model, name, opts, subof)
    const { size = 8, signed = true } = opts as { size?: number; signed?: boolean }
    const stortype = stortypes[`${size}${Boolean(signed)}`]
    if (stortype === undefined) throw modelError('BadTypeDef', { mesg: `Invalid integer size (${size})` })
    this.stortype = stortype
    this.readEnums()
    const lowest = -(1n << BigInt(size * 8 - 1))
    const highest = -lowest - 1n
    const min = (opts.min ?? lowest) as Int
    const max = (opts.max ?? highest) as Int
    if (min < lowest || max > highest || max < min) throw modelError('BadTypeDef', { name })
    // The reference caps unsigned ints at the highest signed one.
    this.min = signed ? min : 0
    this.max = signed || max > 0 ? max : smallest(2n * BigInt(max))
  }

  override isNormed(value: Value): boolean {
    return typeof value === 'number' && value >= this.min && value <= this.max && this.values.size === 0
  }

  override get byteCheck(): ByteCheck | null {
    const bounds = { low: Number(this.min), high: Number(this.max) }
    if (this.values.size === 0) return { kind: 'int', ...bounds }
    const values = [...this.values].filter((value) => typeof value === 'number')
    return { kind: 'choice', ...bounds, values }
  }

  protected override ofText(text: string): Value {
    const named = this.names.size > 0 ? this.names.get(lower(text)) : undefined
    return this.ofInt(named ?? this.parsedBy(parseInt0, text))
  }

  protected override ofBool(bool: boolean): Value {
    return this.ofInt(Number(bool))
  }

  protected override ofInt(int: Int): Value {
    if (int < this.min) throw this.bad(`value is below min=${this.min}`, int)
    if (int > this.max) throw this.bad(`value is above max=${this.max}`, int)
    if (this.values.size > 0 && !this.values.has(int)) throw this.bad('Value is not a valid enum value.', int)
    return int
  }

  private readEnums(): void {
    const { enums } = this.opts
    if (enums === undefined || enums === null) return
    const pairs = enums as readonly [Int, string][]
    for (const [value, text] of pairs) {
      this.values.add(value)
      this.names.set(lower(text), value)
    }
    if (this.values.size !== pairs.length) {
      throw modelError('BadTypeDef', {
        mesg: 'Number of enums does not match the number of string reprs.',
        name: this.name,
      })
    }
    if (this.names.size !== pairs.length) {
      throw modelError('BadTypeDef', {
        mesg: 'Number of enums does not match the number of string norms.',
        name: this.name,
      })
    }
  }
}

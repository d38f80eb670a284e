import { RawStr, type Value } from '../bytes/msgpack.js'
import type { Int } from '../python/number.js'
import { smallest } from '../python/number.js'
import { lower, shield, splitOnce, strip } from '../python/text.js'
import { StorType } from '../stortype/registry.js'
import type { Time } from './time.js'
import { type ByteCheck, Type } from './type.js'

/** A pair of times, the earlier one first. */
export class Ival extends Type {
  readonly stortype = StorType.ival

  override isNormed(value: Value): boolean {
    if (!Array.isArray(value) || value.length !== 2) return false
    const [min, max] = value
    if (typeof min !== 'number' || typeof max !== 'number') return false
    return min < max && this.time.isNormed(max)
  }

  override get byteCheck(): ByteCheck | null {
    return { kind: 'ordered', low: 1, items: [this.time, this.time] }
  }

  protected override ofInt(int: Int): Value {
    return this.moment(this.time.ofInt(int))
  }

  protected override ofText(text: string): Value {
    const trimmed = lower(strip(text))
    if (trimmed === '?') throw this.bad('interval requires begin time', trimmed)
    if (trimmed.includes(',')) return this.pair(splitOnce(trimmed, ','))
    return this.moment(this.time.normValue(trimmed) as Int)
  }

  protected override ofArray(items: readonly Value[]): Value {
    const [min, max] = this.pair(items)
    if (min >= max) throw this.bad('Ival range must in (min, max) format', items as Value[])
    return [min, max]
  }

  private pair(items: readonly Value[]): [Int, Int] {
    if (items.length !== 2) throw this.bad('Ival _normPyIter requires 2 items', items as Value[])
    const [tick, tock] = this.time.tickTock(items.map((item) => (item instanceof RawStr ? shield(item) : item)))
    return [this.time.ofInt(tick), this.time.ofInt(tock)]
  }

  private moment(min: Int): Value {
    return [min, this.time.ofInt(smallest(BigInt(min) + 1n))]
  }

  private get time(): Time {
    return this.core('time') as Time
  }
}

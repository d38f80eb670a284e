import type { Value } from '../bytes/msgpack.js'
import { NormError, synError } from '../norm-error.js'
import { decimalOf, type Int, parseInt0, smallest } from '../python/number.js'
import { pyRepr } from '../python/repr.js'
import { digits, lower, strip } from '../python/text.js'
import { StorType } from '../stortype/registry.js'
import { type ByteCheck, type Opts, Type, type TypeModel } from './type.js'

/** "?": some time in the future. */
const FUTURE = 0x7fffffffffffffffn
/** 9999/12/31 23:59:59.999 */
const LATEST = 253402300799999

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const units: { readonly [unit: string]: number } = {
  sec: SECOND,
  secs: SECOND,
  seconds: SECOND,
  min: MINUTE,
  mins: MINUTE,
  minute: MINUTE,
  minutes: MINUTE,
  hour: HOUR,
  hours: HOUR,
  day: DAY,
  days: DAY,
}

/** The fields of a time text by the number of its digits, as Python's strptime knows them. */
const formats: { readonly [length: number]: string } = {
  4: '%Y',
  6: '%Y%m',
  8: '%Y%m%d',
  10: '%Y%m%d%H',
  12: '%Y%m%d%H%M',
  14: '%Y%m%d%H%M%S',
  15: '%Y%m%d%H%M%S%f',
  16: '%Y%m%d%H%M%S%f',
  17: '%Y%m%d%H%M%S%f',
}
const d = '\\p{Nd}'
const fields: { readonly [field: string]: string } = {
  '%Y': `(${d}${d}${d}${d})`,
  '%m': '(1[0-2]|0[1-9]|[1-9])',
  '%d': `(3[0-1]|[1-2]${d}|0[1-9]|[1-9])`,
  '%H': `(2[0-3]|[0-1]${d}|${d})`,
  '%M': `([0-5]${d}|${d})`,
  '%S': `(6[0-1]|[0-5]${d}|${d})`,
  '%f': '([0-9]{1,6})',
}

/** Milliseconds since 1970. */
export class Time extends Type {
  readonly stortype: number

  constructor(model: TypeModel, name: string, opts: Opts, subof: string | null) {
    super(model, name, opts, subof)
    this.stortype = opts.ismin ? StorType.minTime : StorType.time
  }

  override isNormed(value: Value): boolean {
    return typeof value === 'number' && value <= LATEST
  }

  override get byteCheck(): ByteCheck | null {
    return { kind: 'int', high: LATEST }
  }

  override ofInt(int: Int): Int {
    if (int > LATEST && int !== FUTURE) {
      throw this.bad(`Time exceeds max size [${LATEST}] allowed for a non-future marker.`, int)
    }
    return int
  }

  /** Two times; the second may be relative to the first. */
  tickTock(values: readonly Value[]): [Int, Int] {
    if (values.length !== 2) {
      throw synError('BadTypeValu', { mesg: `Time range must have a length of 2: ${pyRepr(values as Value[])}` })
    }
    const tick = this.firstTime(values[0])
    const second = values[1]
    if (typeof second !== 'string') return [tick, this.liftTime(second, tick)]
    if (second.startsWith('+-') || second.startsWith('-+')) {
      const delta = timeDelta(second.slice(2))
      return ordered(add(tick, negated(delta)), add(tick, delta))
    }
    const tock = this.liftTime(second, tick)
    return second.startsWith('-') ? ordered(tick, tock) : [tick, tock]
  }

  protected override ofText(text: string): Int {
    const trimmed = lower(strip(text))
    if (trimmed === 'now') return this.ofInt(this.model.now)
    if (trimmed === '?') return FUTURE
    const hasUnit = Object.keys(units).some((unit) => trimmed.includes(unit))
    if ((hasUnit && trimmed.includes('-')) || trimmed.includes('+')) return this.relative(trimmed)
    return this.ofInt(parseTime(trimmed))
  }

  private relative(text: string): Int {
    const sign = text.includes('-') ? '-' : '+'
    const at = text.indexOf(sign)
    const delta = timeDelta(text.slice(at))
    const start = at > 0 ? this.ofText(text.slice(0, at)) : this.model.now
    return this.ofInt(add(delta, start))
  }

  private firstTime(value: Value): Int {
    try {
      return this.liftTime(value, null)
    } catch (error) {
      if (!(error instanceof NormError) || error.errName !== 'ValueError') throw error
      throw this.bad('Unable to process the value for val0 in _getLiftValu.', value)
    }
  }

  private liftTime(value: Value, relativeTo: Int | null): Int {
    if (typeof value === 'string') {
      const text = lower(strip(value))
      if (text === '') throw synError('BadTypeValu', { name: this.name, valu: value })
      if (text === 'now') return this.model.now
      if (text[0] === '-' || text[0] === '+') return this.ofInt(add(timeDelta(text), relativeTo ?? this.model.now))
    }
    return this.normValue(value) as Int
  }
}

function ordered(a: Int, b: Int): [Int, Int] {
  return a < b ? [a, b] : [b, a]
}

/** Parses a span such as "+3 days" to ms. @throws {NormError} */
function timeDelta(text: string): Int {
  const lowered = lower(strip(text))
  const [, sign, size, unit] = /^[ \t\r\n]*([+-]?)[ \t\r\n]*([0-9]*)[ \t\r\n]*([\s\S]*)$/.exec(
    lowered,
  ) as RegExpExecArray
  const count = parseInt0(size)
  if (!Object.hasOwn(units, unit)) {
    throw synError('BadTypeValu', { name: 'time', valu: lowered, mesg: `unknown time delta units: ${unit}` })
  }
  const span = smallest(BigInt(count) * BigInt(units[unit]))
  return sign === '-' ? negated(span) : span
}

/** Parses the digits of a text as a time. @throws {NormError} */
function parseTime(text: string): Int {
  const found = digits(text)
  const length = [...found].length
  const format = formats[length]
  if (format === undefined) {
    throw synError('BadTypeValu', { valu: found, name: 'time', mesg: 'Unknown time format' })
  }
  const pattern = format.replace(/%./g, (field) => fields[field])
  const match = new RegExp(`^${pattern}`, 'u').exec(found)
  if (match === null) {
    throw new NormError('ValueError', `time data ${pyRepr(found)} does not match format '${format}'`)
  }
  if (match[0].length !== found.length) {
    throw new NormError('ValueError', `unconverted data remains: ${found.slice(match[0].length)}`)
  }
  const [year, month = 1, day = 1, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(decimals)
  const micros = Number((match[7] ?? '').padEnd(6, '0'))
  return toMillis(year, month, day, hour, minute, second, micros)
}

function toMillis(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
  micros: number,
): number {
  if (year === 0) throw new NormError('ValueError', 'year 0 is out of range')
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  if (date.getUTCDate() !== day) throw new NormError('ValueError', 'day is out of range for month')
  if (second > 59) throw new NormError('ValueError', 'second must be in 0..59')
  const ms = date.getTime() + hour * HOUR + minute * MINUTE + second * SECOND
  // The reference converts through seconds as a float, which may lose a millisecond.
  return Math.trunc(exactSeconds(BigInt(ms) * 1000n + BigInt(micros)) * 1000)
}

/** The float closest to this number of microseconds, in seconds. Parses decimal text to avoid rounding twice. */
function exactSeconds(micros: bigint): number {
  const digits = (micros < 0n ? -micros : micros).toString().padStart(7, '0')
  const seconds = Number(`${digits.slice(0, -6)}.${digits.slice(-6)}`)
  return micros < 0n ? -seconds : seconds
}

function decimals(text: string): number {
  let value = 0
  for (const char of text) value = value * 10 + decimalOf(char)
  return value
}

function add(a: Int, b: Int): Int {
  return smallest(BigInt(a) + BigInt(b))
}

function negated(int: Int): Int {
  return smallest(-BigInt(int))
}

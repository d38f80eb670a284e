import type { Value } from '../bytes/msgpack.js'
import { decimalOf, type Int, invalidInt, smallest } from '../python/number.js'
import { digits } from '../python/text.js'
import { IntType } from './int.js'
import { OwnStr } from './str.js'
import type { ByteCheck, Opts, TypeModel } from './type.js'

const IMEI_DIGITS = 14

/** tel:phone: the digits of a number. */
export class Phone extends OwnStr {
  override isNormed(value: Value): boolean {
    return typeof value === 'string' && /^[0-9]+$/.test(value)
  }

  override get byteCheck(): ByteCheck | null {
    return { kind: 'text', chars: '0-9', low: 1 }
  }

  protected override ofText(text: string): Value {
    const found = digits(text)
    if (found === '') throw this.bad('requires a digit string', text)
    // Python counts a superscript as a digit, but cannot convert it to a number.
    if ([...found].some((char) => decimalOf(char) < 0)) throw this.bad('Failed to get phone info', text)
    return found
  }

  protected override ofInt(int: Int): Value {
    if (int < 1) throw this.bad('phone int must be greater than 0', int)
    return this.ofText(int.toString())
  }
}

/** tel:mob:imsi: up to 15 digits. */
export class Imsi extends IntType {
  constructor(model: TypeModel, name: string, opts: Opts, subof: string | null) {
    super(model, name, { ...opts, size: 8, signed: false }, subof)
  }

  override isNormed(value: Value): boolean {
    return typeof value === 'number' && value >= 0 && value < 1e15
  }

  override get byteCheck(): ByteCheck | null {
    return { kind: 'int', low: 0, high: 1e15 - 1 }
  }

  protected override ofInt(int: Int): Value {
    const { length } = int.toString()
    if (length > 15) throw this.bad(`invalid imsi len: ${length}`, int)
    return int
  }
}

/** tel:mob:imei: 14 digits and a check digit, which we add when it is missing. */
export class Imei extends IntType {
  constructor(model: TypeModel, name: string, opts: Opts, subof: string | null) {
    super(model, name, { ...opts, size: 8, signed: false }, subof)
  }

  override isNormed(_value: Value): boolean {
    return false
  }

  override get byteCheck(): ByteCheck | null {
    return { kind: 'imei', low: 1e14, high: 1e15 - 1 }
  }

  protected override ofInt(int: Int): Value {
    const text = int.toString()
    if (text.length === IMEI_DIGITS) return smallest(BigInt(text + checkDigit(text)))
    if (text.length !== IMEI_DIGITS + 1) throw this.bad('Failed to norm IMEI', int)
    if (checkDigit(text) !== text[IMEI_DIGITS]) throw this.bad('invalid imei checksum byte', int)
    return int
  }
}

/** The Luhn digit of the first 14. */
function checkDigit(text: string): string {
  let sum = 0
  for (let i = 0; i < IMEI_DIGITS; i++) {
    if (text[i] === '-') throw invalidInt('-', 10)
    const value = Number(text[i]) * (i % 2 === 0 ? 1 : 2)
    sum += value > 9 ? value - 9 : value
  }
  return `${(10 - (sum % 10)) % 10}`
}

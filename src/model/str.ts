import type { Value } from '../bytes/msgpack.js'
import { synError } from '../norm-error.js'
import type { Int } from '../python/number.js'
import { compilePattern, type Pattern } from '../python/regex.js'
import { lower, strip, words } from '../python/text.js'
import { StorType } from '../stortype/registry.js'
import { runsOf } from './simple-pattern.js'
import { type ByteCheck, type Opts, QUIET_CHARS, Type, type TypeModel } from './type.js'

/** Text that lower(), strip() and onespace all leave unchanged. */
const quiet = /^[!-@[-~]+$/
const ASCII_NOT_UPPER = '\\0-@[-\\x7f'
const ALL_CHARS = '\\0-\\xff'
const SPACE = 0x20

/** Text. `lower`, `strip` and `onespace` change it; then `enums` ("a,b,c") and `regex` check it. */
export class Str extends Type {
  readonly stortype: number = StorType.utf8
  private readonly allowed: readonly string[] | null
  private readonly pattern: Pattern | null

  constructor(model: TypeModel, name: string, opts: Opts, subof: string | null) {
    super(model, name, opts, subof)
    const { regex = null, enums = null } = opts as { regex?: string | null; enums?: string | null }
    this.pattern = regex === null ? null : compilePattern(regex)
    this.allowed = enums === null ? null : enums.split(',')
  }

  override isNormed(value: Value): boolean {
    if (typeof value !== 'string' || this.allowed !== null || this.pattern !== null) return false
    const { lower: isLower, strip: isStripped, onespace } = this.opts
    return (!isLower && !isStripped && !onespace) || quiet.test(value)
  }

  override get byteCheck(): ByteCheck | null {
    if (this.allowed !== null) return null
    const { lower: isLower, strip: isStripped, onespace } = this.opts
    const quietChars = isLower ? QUIET_CHARS : '!-~'
    if (this.pattern !== null) {
      const items = runsOf(this.opts.regex as string, Boolean(isLower))
      return items === null ? null : { kind: 'sequence', chars: quietChars, items }
    }
    if (onespace) return { kind: 'parts', chars: quietChars, mark: SPACE }
    if (isStripped) return { kind: 'text', chars: ` ${quietChars}` }
    return { kind: 'text', chars: isLower ? ASCII_NOT_UPPER : ALL_CHARS }
  }

  protected override ofText(text: string): Value {
    let norm = text
    if (this.opts.lower) norm = lower(norm)
    if (this.opts.strip) norm = strip(norm)
    if (this.opts.onespace) norm = words(norm).join(' ')
    if (this.allowed !== null && !this.allowed.includes(norm)) {
      throw synError('BadTypeValu', { valu: text, name: this.name, enums: null, mesg: 'Value not in enums' })
    }
    if (this.pattern !== null && this.pattern.exec(norm) === null) throw this.bad('regex does not match', text)
    return norm
  }

  protected override ofInt(int: Int): Value {
    return this.ofText(int.toString())
  }
}

/** A subclass of Str with its own norm: the options of Str have no effect. */
export abstract class OwnStr extends Str {
  override isNormed(_value: Value): boolean {
    return false
  }

  override get byteCheck(): ByteCheck | null {
    return null
  }

  protected abstract override ofText(text: string): Value
}

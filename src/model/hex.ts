import type { Value } from '../bytes/msgpack.js'
import { NormError, synError } from '../norm-error.js'
import { isAscii, lower, strip } from '../python/text.js'
import { StorType } from '../stortype/registry.js'
import { type ByteCheck, modelError, type Opts, Type, type TypeModel } from './type.js'

const lowerHex = /^[0-9a-f]+$/

/** An even number of hex digits: `size` of them, or any number when `size` is 0. */
export class Hex extends Type {
  readonly stortype = StorType.utf8
  private readonly size: number

  constructor(model: TypeModel, name: string, opts: Opts, subof: string | null) {
    super(model, name, opts, subof)
    const { size = 0 } = opts as { size?: number }
    if (size < 0) throw modelError('BadConfValu', { name: 'size', valu: size, mesg: 'Size must be > 0' })
    if (size % 2 !== 0)
      throw modelError('BadConfValu', { name: 'size', valu: size, mesg: 'Size must be a multiple of 2' })
    this.size = size
  }

  override isNormed(value: Value): boolean {
    if (typeof value !== 'string' || !lowerHex.test(value)) return false
    return this.size === 0 ? value.length % 2 === 0 : value.length === this.size
  }

  override get byteCheck(): ByteCheck | null {
    const { size } = this
    return { kind: 'text', chars: '0-9a-f', low: Math.max(size, 2), high: size === 0 ? Infinity : size, mark: 2 }
  }

  protected override ofText(text: string): Value {
    const digits = hexDigits(text)
    if (this.size !== 0 && digits.length !== this.size) {
      throw synError('BadTypeValu', { valu: digits, reqwidth: this.size, name: this.name, mesg: 'invalid width' })
    }
    return digits
  }

  protected override ofBytes(bytes: Uint8Array): Value {
    return this.ofText(Buffer.from(bytes).toString('hex'))
  }
}

/** The bytes of hex digits. @throws {NormError} as Python's `unhexlify` */
export function unhex(text: string): Uint8Array {
  if (!isAscii(text)) throw new NormError('ValueError', 'string argument should contain only ASCII characters')
  if (text.length % 2 !== 0) throw new NormError('Error', 'Odd-length string')
  if (!/^[0-9a-fA-F]*$/.test(text)) throw new NormError('Error', 'Non-hexadecimal digit found')
  return Buffer.from(text, 'hex')
}

function hexDigits(text: string): string {
  const lowered = lower(strip(text))
  const digits = lowered.startsWith('0x') ? lowered.slice(2) : lowered
  const refused = (mesg: string) => synError('BadTypeValu', { valu: digits, name: 'hexstr', mesg })
  if (digits === '') throw refused('No string left after stripping')
  try {
    unhex(digits)
  } catch (error) {
    throw error instanceof NormError ? refused(error.message) : error
  }
  return digits
}

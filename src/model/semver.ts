import type { Value } from '../bytes/msgpack.js'
import { NormError } from '../norm-error.js'
import { type Int, parseInt10, smallest } from '../python/number.js'
import { strip } from '../python/text.js'
import { IntType } from './int.js'
import type { ByteCheck } from './type.js'

const HIGHEST = 0xfffffffffffffffn
const NUMBER_BITS = 20
const semver = /^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?$/

/** it:semver: major, minor and patch in 20 bits each. */
export class SemVer extends IntType {
  override isNormed(value: Value): boolean {
    return typeof value === 'number' && value >= 0
  }

  override get byteCheck(): ByteCheck | null {
    return { kind: 'int', low: 0 }
  }

  protected override ofInt(int: Int): Value {
    if (int < 0) throw this.bad('Cannot norm a negative integer as a semver.', int)
    if (int > HIGHEST) {
      throw this.bad('Cannot norm a integer larger than 1152921504606846975 as a semver.', int)
    }
    return int
  }

  protected override ofText(text: string): Value {
    const version = strip(text)
    if (version === '') throw this.bad('No text left after stripping whitespace', version)
    const numbers = parseSemver(version.replace(/^[vV]+/, ''))
    if (numbers === null) throw this.bad('Unable to parse string as a semver.', version)
    let int = 0n
    for (const number of numbers) int = (int << BigInt(NUMBER_BITS)) | BigInt.asUintN(NUMBER_BITS, number)
    return smallest(int)
  }
}

function parseSemver(text: string): bigint[] | null {
  const match = semver.exec(text)
  if (match === null) return null
  const [, major, minor, patch, pre = '', build = ''] = match
  if (pre !== '' && !pre.split('.').every(isPrePart)) return null
  if (build.split('.').length > 1 && build.split('.').includes('')) return null
  return [major, minor, patch].map(BigInt)
}

/** Numbers have no leading zeros. */
function isPrePart(part: string): boolean {
  if (part === '') return false
  try {
    parseInt10(part)
  } catch (error) {
    if (error instanceof NormError) return true
    throw error
  }
  return part === '0' || part[0] !== '0'
}

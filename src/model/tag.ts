import type { Value } from '../bytes/msgpack.js'
import { fullMatch } from '../python/regex.js'
import { lower, strip, stripChars } from '../python/text.js'
import { OwnStr } from './str.js'
import type { ByteCheck } from './type.js'

const TAG_PATTERN = String.raw`(\w+\.)*\w+`
const tag = fullMatch(TAG_PATTERN)
const plainTag = /^[a-z0-9_]+(\.[a-z0-9_]+)*$/
const DOT = 0x2e

/** syn:tag: words separated by dots. */
export class Tag extends OwnStr {
  override isNormed(value: Value): boolean {
    return typeof value === 'string' && plainTag.test(value)
  }

  override get byteCheck(): ByteCheck | null {
    return { kind: 'parts', chars: 'a-z0-9_', mark: DOT }
  }

  protected override ofText(text: string): Value {
    const norm = strip(stripChars(lower(text), '#'))
      .split('.')
      .map(strip)
      .join('.')
    if (tag.exec(norm) === null) throw this.bad(`Tag does not match tagre: [${TAG_PATTERN}]`, text)
    return norm
  }
}

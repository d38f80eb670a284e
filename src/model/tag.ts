import type { Value } from '../bytes/msgpack.js'
import { fullMatch } from '../python/regex.js'
import { lower, strip, stripChars } from '../python/text.js'
import { OwnStr } from './str.js'

const TAG_PATTERN = String.raw`(\w+\.)*\w+`
const tag = fullMatch(TAG_PATTERN)
const plainTag = /^[a-z0-9_]+(\.[a-z0-9_]+)*$/

/** syn:tag: words separated by dots. */
export class Tag extends OwnStr {
  override isNormed(value: Value): boolean {
    return typeof value === 'string' && plainTag.test(value)
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

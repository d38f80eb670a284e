import type { Value } from '../bytes/msgpack.js'
import { codePoints, isText, pyTypeName, textBytes } from '../python/values.js'
import { type IndexEncoder, MAX_INDEX_BYTES, StorTypeError } from './stortype.js'
import { textStart } from './utf8.js'

const DOT = 0x2e

/**
 * UTF-8 and a final dot, so that a lift by prefix ends at a part. Never shortened, and unlike the others it rejects
 * surrogates.
 */
export const hierIndex: IndexEncoder = {
  write(buf, start, end, out, at) {
    const from = textStart(buf, start)
    if (from < 0 || end - from >= MAX_INDEX_BYTES) return -1
    let pos = at
    for (let i = from; i < end; i++) {
      if (buf[i] >= 0x80) return -1
      out[pos++] = buf[i]
    }
    out[pos++] = DOT
    return pos
  },

  index(value: Value) {
    if (!isText(value)) throw new StorTypeError('TypeError', cannotAdd(value))
    rejectSurrogates(value)
    const bytes = textBytes(value)
    const index = new Uint8Array(bytes.length + 1)
    index.set(bytes)
    index[bytes.length] = DOT
    return index
  },
}

function cannotAdd(value: Value): string {
  const type = pyTypeName(value)
  if (type === 'tuple') return 'can only concatenate tuple (not "str") to tuple'
  return type === 'bytes' ? "can't concat str to bytes" : `unsupported operand type(s) for +: '${type}' and 'str'`
}

function rejectSurrogates(value: Exclude<Value, null>): void {
  const points = [...codePoints(value as string)]
  const first = points.findIndex(isSurrogate)
  if (first < 0) return
  let last = first
  while (last + 1 < points.length && isSurrogate(points[last + 1])) last++
  const what =
    first === last
      ? `character '\\u${points[first].charCodeAt(0).toString(16)}' in position ${first}`
      : `characters in position ${first}-${last}`
  throw new StorTypeError('UnicodeEncodeError', `'utf-8' codec can't encode ${what}: surrogates not allowed`)
}

function isSurrogate(point: string): boolean {
  return point.length === 1 && point >= '\ud800' && point <= '\udfff'
}

import { Ext, Float, PackMap, RawStr, utf8, type Value } from '../bytes/msgpack.js'

/** The name of the Python type of an unpacked value (arrays are tuples), for messages that copy Python's. */
export function pyTypeName(value: Value): string {
  if (value === null) return 'NoneType'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'number' || typeof value === 'bigint') return 'int'
  if (value instanceof Float) return 'float'
  if (isText(value)) return 'str'
  if (value instanceof Uint8Array) return 'bytes'
  if (Array.isArray(value)) return 'tuple'
  return value instanceof Ext ? 'ExtType' : 'dict'
}

export function isText(value: Value): value is string | RawStr {
  return typeof value === 'string' || value instanceof RawStr
}

/** The int that Python sees in a value (True is 1), or null when it is not an int. */
export function pyInt(value: Value): bigint | null {
  if (typeof value === 'bigint') return value
  return typeof value === 'number' || typeof value === 'boolean' ? BigInt(value) : null
}

/** UTF-8 of a text as Python's `surrogatepass` writes it. */
export function textBytes(value: string | RawStr): Uint8Array {
  return value instanceof RawStr ? value.bytes : utf8(value)
}

/** `value[key]` as Python indexes a tuple, bytes or a dict; undefined when there is no such item. */
export function pyItem(value: Value, key: number): Value | undefined {
  if (Array.isArray(value)) return value[key]
  if (value instanceof Uint8Array) return value[key]
  if (value instanceof PackMap) return value.entries.find(([k]) => k === key)?.[1]
  if (value instanceof RawStr) return [...codePoints(value)][key]
  return typeof value === 'string' ? [...value][key] : undefined
}

/** The code points of a text as Python sees them: two surrogates are two characters. */
export function* codePoints(text: string | RawStr): Iterable<string> {
  if (typeof text === 'string') return yield* text
  const { bytes } = text
  let start = 0
  while (start < bytes.length) {
    let end = start + 1
    while (end < bytes.length && (bytes[end] & 0xc0) === 0x80) end++
    yield codePoint(bytes, start, end)
    start = end
  }
}

function codePoint(bytes: Uint8Array, start: number, end: number): string {
  const lead = bytes[start]
  if (lead < 0x80) return String.fromCharCode(lead)
  let code = lead & (0xff >> (end - start + 1))
  for (let i = start + 1; i < end; i++) code = (code << 6) | (bytes[i] & 0x3f)
  return String.fromCodePoint(code)
}

import { Ext, Float, PackMap, RawStr, type Value } from '../bytes/msgpack.js'
import { pyRepr } from './text-forms.js'

/** Python's `repr()` of a value: arrays are tuples, maps are dicts. */
function pyValueRepr(value: Value): string {
  if (value === null) return 'None'
  if (typeof value === 'string') return pyRepr(value)
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (value instanceof Float) return pyFloatRepr(value.value)
  if (value instanceof Uint8Array) return pyBytesRepr(value)
  if (Array.isArray(value)) {
    const items = value.map(pyValueRepr)
    return items.length === 1 ? `(${items[0]},)` : `(${items.join(', ')})`
  }
  if (value instanceof PackMap)
    return `{${value.entries.map(([k, v]) => `${pyValueRepr(k)}: ${pyValueRepr(v)}`).join(', ')}}`
  if (value instanceof RawStr) return pyRepr(Buffer.from(value.bytes).toString('utf8'))
  if (value instanceof Ext) return `ExtType(code=${value.type}, data=${pyBytesRepr(value.data)})`
  return String(value)
}

/** Python's `str()` of a value, as an f-string shows it: text stands as it is. */
export function pyStr(value: Value): string {
  return typeof value === 'string' ? value : pyValueRepr(value)
}

export function pyBytesRepr(bytes: Uint8Array): string {
  const quote = bytes.includes(0x27) && !bytes.includes(0x22) ? '"' : "'"
  let out = `b${quote}`
  for (const byte of bytes) {
    const char = String.fromCharCode(byte)
    const short = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' }[char]
    if (short !== undefined) out += short
    else if (char === quote) out += `\\${char}`
    else out += byte >= 0x20 && byte < 0x7f ? char : `\\x${byte.toString(16).padStart(2, '0')}`
  }
  return out + quote
}

function pyFloatRepr(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (Object.is(value, -0)) return '-0.0'
  const size = Math.abs(value)
  if (size !== 0 && (size >= 1e16 || size < 1e-4)) {
    // Python writes exponents with a sign and at least two digits.
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2')
  }
  const text = size >= 1e21 ? String(BigInt(value)) : String(value)
  return text.includes('.') ? text : `${text}.0`
}

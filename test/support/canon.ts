import { isUtf8 } from 'node:buffer'
import { decode, Ext, Float, type PackMap, RawStr, type Value } from '../../src/bytes/msgpack.js'

/**
 * One text for each msgpack value: two values have the same text exactly when type and content are the same. The
 * notation is that of test/oracle/canon.py, which reads with msgpack-python.
 */
export function canon(value: Value): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number' || typeof value === 'bigint') return value.toString()
  if (typeof value === 'string') return quote(value)
  if (value instanceof RawStr) return `{"$s":"${hex(value.bytes)}"}`
  if (value instanceof Uint8Array) return `{"$b":"${hex(value)}"}`
  if (value instanceof Float) return `{"$f":"${hex(float64(value.value))}"}`
  if (Array.isArray(value)) return `[${value.map(canon).join(',')}]`
  if (value instanceof Ext) throw new TypeError('Synapse stores no extension values')
  return map(value)
}

/** The text of packed bytes; those that are no msgpack value as `{"$?":"<hex>"}`. */
export function canonPacked(bytes: Uint8Array): string {
  try {
    return canon(decode(bytes))
  } catch {
    return `{"$?":"${hex(bytes)}"}`
  }
}

/** Text where the bytes are UTF-8, else the bytes. */
export function textOrBytes(bytes: Uint8Array): Value {
  return isUtf8(bytes) ? Buffer.from(bytes).toString('utf8') : bytes
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

function map({ entries }: PackMap): string {
  const plain = entries.every(([key]) => typeof key === 'string' && !key.startsWith('$'))
  if (plain) return `{${entries.map(([key, value]) => `${quote(key as string)}:${canon(value)}`).join(',')}}`
  return `{"$m":[${entries.map(([key, value]) => `[${canon(key)},${canon(value)}]`).join(',')}]}`
}

/** As Python's json.dumps writes text: ASCII only. */
function quote(text: string): string {
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function float64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return bytes
}

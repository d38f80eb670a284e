import { Float, PackMap, RawStr, type Value } from './msgpack.js'

/** What `JSON.parse` returns. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/**
 * A value as readable JSON that loses nothing: a float is `{"$f": "1.0"}`, an int beyond 2^53 `{"$i": "…"}`, bytes
 * `{"$b": hex}`, a map with a key that is not text or starts with "$" `{"$m": [[key, value], …]}`, text that JavaScript
 * cannot hold `{"$s": hex of its UTF-8}`.
 */
export function toJson(value: Value): Json {
  if (value === null || typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string')
    return value
  if (typeof value === 'bigint') return { $i: value.toString() }
  if (value instanceof Float) return { $f: floatText(value.value) }
  if (value instanceof Uint8Array) return { $b: hex(value) }
  if (Array.isArray(value)) return value.map(toJson)
  if (value instanceof RawStr) return { $s: hex(value.bytes) }
  if (!(value instanceof PackMap)) return { $x: [value.type, hex(value.data)] }
  const plain = value.entries.every(([key]) => typeof key === 'string' && !key.startsWith('$'))
  if (plain) return Object.fromEntries(value.entries.map(([key, item]) => [key as string, toJson(item)]))
  return { $m: value.entries.map(([key, item]) => [toJson(key), toJson(item)]) }
}

/** The inverse of toJson(). */
export function fromJson(json: Json): Value {
  if (Array.isArray(json)) return json.map(fromJson)
  if (json === null || typeof json !== 'object') return json
  if (typeof json.$f === 'string') return new Float(parseFloatText(json.$f))
  if (typeof json.$i === 'string') return BigInt(json.$i)
  if (typeof json.$b === 'string') return Uint8Array.from(Buffer.from(json.$b, 'hex'))
  if (typeof json.$s === 'string') return new RawStr(Uint8Array.from(Buffer.from(json.$s, 'hex')))
  if (Array.isArray(json.$m)) {
    return new PackMap(json.$m.map((pair) => [fromJson((pair as Json[])[0]), fromJson((pair as Json[])[1])]))
  }
  return new PackMap(Object.entries(json).map(([key, item]) => [key, fromJson(item)]))
}

function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (Object.is(value, -0)) return '-0.0'
  return Number.isInteger(value) && Math.abs(value) < 1e16 ? `${value}.0` : `${value}`
}

function parseFloatText(text: string): number {
  if (text === 'inf' || text === '-inf') return text === 'inf' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
  return text === 'nan' ? Number.NaN : Number(text)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

import { guid, sha256 } from '../bytes/hash.js'
import { decode, encode, type Value } from '../bytes/msgpack.js'
import { fromJson, type Json } from '../bytes/value-json.js'
import { ARRAY, arraySpans, indexOf, StorType, StorTypeError, writeIndex } from '../stortype/registry.js'

/** One line of a vector file; see docs/model-file.md for the fields. */
export type Vector = { [key: string]: Json }

/** What differs from a vector, or null when all is as it says. */
export interface Difference {
  readonly what: string
  readonly expected: unknown
  readonly got: unknown
}

/** Compares our code with one vector. */
export function checkVector(vector: Vector): Difference | null {
  if (vector.valu_msgpack !== undefined) return checkIndex(fromMigrate(vector))
  switch (vector.k) {
    case 'indx':
      return checkIndex(vector)
    case 'buid':
      return checkBuid(vector)
    case 'guid':
      return differs('guid', vector.guid, guid(inputOf(vector)))
    case 'abrv':
      return differs('key', vector.key, hex(encode(inputOf(vector))))
    default:
      return { what: 'vector', expected: 'a known kind of vector', got: vector.k ?? null }
  }
}

/** The index (of an array: the indexes of its elements) of a value as hex, or the name of the exception. */
export function indexHex(stortype: number, value: Value, packed: Uint8Array | null): string[] | { err: string } {
  try {
    return packed === null ? indexesOf(stortype, value) : writtenIndexes(stortype, packed)
  } catch (error) {
    if (error instanceof StorTypeError) return { err: error.errName }
    throw error
  }
}

function checkIndex(vector: Vector): Difference | null {
  const packed = typeof vector.inx === 'string' ? Buffer.from(vector.inx, 'hex') : null
  const got = indexHex(vector.stortype as number, inputOf(vector), packed)
  // The reference draws a random index for null; ours is an error.
  const expected = vector.indxrandom === true ? { err: 'ValueError' } : (vector.indx ?? { err: vector.err })
  return differs('indx', expected, got)
}

function checkBuid(vector: Vector): Difference | null {
  const packed = encode([vector.form as string, inputOf(vector)])
  return differs('msgpack', vector.msgpack, hex(packed)) ?? differs('buid', vector.buid, hex(sha256(packed)))
}

function fromMigrate(vector: Vector): Vector {
  const { stortype, valu_msgpack: inx, indx, random, error } = vector
  if (random === true) return { stortype, inx, indxrandom: true }
  return indx === undefined ? { stortype, inx, err: (error as string).split(':')[0] } : { stortype, inx, indx }
}

function inputOf(vector: Vector): Value {
  return typeof vector.inx === 'string' ? decode(Buffer.from(vector.inx, 'hex')) : fromJson(vector.in)
}

function indexesOf(stortype: number, value: Value): string[] {
  if ((stortype & ARRAY) === 0) return [hex(indexOf(stortype, value))]
  const indexes = (value as Value[]).map((item) => hex(indexOf(stortype & ~ARRAY, item)))
  // The whole array is indexed too, by its msgpack, which may not exist.
  indexOf(StorType.msgp, value)
  return indexes
}

function writtenIndexes(stortype: number, packed: Uint8Array): string[] {
  const out = new Uint8Array(1024)
  if ((stortype & ARRAY) === 0) return [hex(out.subarray(0, writeIndex(stortype, packed, 0, packed.length, out, 0)))]
  const spans: number[] = []
  arraySpans(packed, 0, packed.length, spans)
  const indexes: string[] = []
  for (let i = 0; i < spans.length; i += 2) {
    indexes.push(hex(out.subarray(0, writeIndex(stortype & ~ARRAY, packed, spans[i], spans[i + 1], out, 0))))
  }
  return indexes
}

function differs(what: string, expected: unknown, got: unknown): Difference | null {
  return JSON.stringify(expected) === JSON.stringify(got) ? null : { what, expected, got }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

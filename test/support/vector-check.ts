import { guid, sha256 } from '../../src/bytes/hash.js'
import { decode, encode, pyEquals, type Value } from '../../src/bytes/msgpack.js'
import { fromJson, type Json, toJson } from '../../src/bytes/value-json.js'
import type { Model } from '../../src/model/model.js'
import { plainOpts } from '../../src/model/opts.js'
import type { Type } from '../../src/model/type.js'
import { ModelError, NormError } from '../../src/norm-error.js'
import { ARRAY, arraySpans, indexOf, StorType, StorTypeError, writeIndex } from '../../src/stortype/registry.js'

/** One line of a vector file; see docs/model-file.md for the fields. */
export type Vector = { [key: string]: Json }

/** What differs from a vector, or null when all is as it says. */
export interface Difference {
  readonly what: string
  readonly expected: unknown
  readonly got: unknown
}

/** Compares our code with one vector. */
export function checkVector(vector: Vector, model: Model): Difference | null {
  if (vector.type !== undefined) return checkNorm(vector, model)
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
function indexHex(stortype: number, value: Value, packed: Uint8Array | null): string[] | { err: string } {
  try {
    return packed === null ? indexesOf(stortype, value) : writtenIndexes(stortype, packed)
  } catch (error) {
    if (error instanceof StorTypeError) return { err: error.errName }
    throw error
  }
}

function checkNorm(vector: Vector, model: Model): Difference | null {
  const type = typeOrError(vector, model)
  if (type instanceof ModelError)
    return differs('type', vector.err ?? 'a type', vector.err === undefined ? type.message : type.errName)
  const input = inputOf(vector)
  const normed = normOrError(type, input)
  const stortype = differs('stortype', vector.stortype ?? type.stortype, type.stortype)
  if (stortype !== null) return stortype
  const isStored = vector.src === 'stored01x'
  const norm = checkOutput(vector, normed, type, input)
  if (norm !== null) return norm
  if (normed instanceof NormError && !isStored) return null
  return checkIndexes(vector, type, isStored ? input : (normed as Value))
}

function checkOutput(vector: Vector, normed: Value | NormError, type: Type, input: Value): Difference | null {
  if (vector.err !== undefined || normed instanceof NormError) {
    const got = normed instanceof NormError ? { err: normed.errName } : { out: toJson(normed) }
    const expected = vector.err === undefined ? { out: vector.out ?? null } : { err: vector.err }
    return differs('norm', expected, got) ?? differsInText(vector, normed)
  }
  const isSame = pyEquals(normed, input)
  if (type.isNormed(input) && !isSame) return { what: 'isNormed', expected: false, got: true }
  if (vector.same === true && !type.keeps(input)) return { what: 'keeps', expected: true, got: false }
  if (vector.same !== undefined && vector.unordered !== true && vector.same !== isSame) {
    return { what: 'same', expected: vector.same, got: isSame }
  }
  const outx = typeof vector.outx === 'string' ? vector.outx : hexOrNull(fromJson(vector.out))
  if (vector.unordered === true) return differs('norm', sortedJson(fromJson(vector.out)), sortedJson(normed))
  if (outx === null) return differs('norm', vector.out, toJson(normed))
  return differs('norm', outx, hexOrNull(normed))
}

function differsInText(vector: Vector, normed: Value | NormError): Difference | null {
  if (!(normed instanceof NormError) || vector.mesg === undefined) return null
  return differs('mesg', vector.mesg, normed.message)
}

function checkIndexes(vector: Vector, type: Type, value: Value): Difference | null {
  // A vector may tell of the norm alone.
  if (vector.indx === undefined && vector.indxerr === undefined && vector.indxrandom === undefined) return null
  const packed = bytesOrNull(value)
  const indexes = indexHex(type.stortype, value, packed)
  if (vector.indxrandom === true) return differs('indx', { err: 'ValueError' }, indexes)
  if (vector.indxerr !== undefined) return differs('indx', { err: vector.indxerr }, indexes)
  const isSet = vector.unordered === true
  const indx = differs('indx', isSet ? sortedItems(vector.indx) : vector.indx, isSet ? sortedItems(indexes) : indexes)
  if (indx !== null) return indx
  if (vector.indxprop !== undefined && vector.unordered !== true) {
    const whole = differs('indxprop', vector.indxprop, indexHex(StorType.msgp, value, packed))
    if (whole !== null) return whole
  }
  if (vector.buid === undefined) return null
  return differs('buid', vector.buid, hex(sha256(encode([vector.type as string, value]))))
}

function normOrError(type: Type, input: Value): Value | NormError {
  try {
    return type.norm(input).valu
  } catch (error) {
    if (error instanceof NormError) return error
    throw error
  }
}

function typeOrError(vector: Vector, model: Model): Type | ModelError {
  try {
    const opts = vector.opts === undefined || vector.opts === null ? {} : plainOpts(fromJson(vector.opts))
    return model.typeOf([vector.type as string, opts])
  } catch (error) {
    if (error instanceof ModelError) return error
    throw error
  }
}

function sortedJson(value: Value): string[] {
  return (value as Value[]).map((item) => JSON.stringify(toJson(item))).sort()
}

function sortedItems(items: unknown): unknown {
  return Array.isArray(items) ? items.toSorted() : items
}

function hexOrNull(value: Value): string | null {
  const packed = bytesOrNull(value)
  return packed === null ? null : hex(packed)
}

/** null for ints of more than 64 bits. */
function bytesOrNull(value: Value): Uint8Array | null {
  try {
    return encode(value)
  } catch {
    return null
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
  const out = Buffer.alloc(1024)
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

import { buid } from '../bytes/hash.js'
import { Float, RawStr, utf8, type Value } from '../bytes/msgpack.js'
import type { Model } from '../model/model.js'
import type { TypeDefRef } from '../model/model-file.js'
import { shortened } from '../stortype/utf8.js'
import type { Sample } from './row-samples.js'

/** A type that may fit the rows. */
export interface Candidate {
  readonly ref: TypeDefRef
  /** The evidence. */
  readonly why: string
  /** Other types that would fit the same rows. */
  readonly others?: readonly string[]
  readonly fits: (sample: Sample) => boolean
}

export interface Guess {
  readonly ref: TypeDefRef
  readonly why: string
  readonly others: readonly string[]
  readonly lookedAt: number
  readonly fit: number
}

type IsForm = (name: string) => boolean

const INT_SIZES = [8, 4, 2, 1, 16]
/**
 * From 1900 to 2100 in ms, except around 1970. An int in this range is probably a time: counts and ids are rarely that
 * large.
 */
const TIMES = { first: -2_208_988_800_000n, last: 4_102_444_800_000n, about1970: 10_000_000_000n } as const
/** What 0.1.58 stores for a time that is still open. */
const FUTURE = 0x7fffffffffffffffn
const LATITUDE = { scale: 1e8, space: 90e8 }
const LONGITUDE = { scale: 1e8, space: 180e8 }

/**
 * The type that fits most of the rows by values and index bytes; if there are several, the most specific one.
 *
 * @param isForm whether there are nodes of a form with that name
 */
export function guessType(samples: readonly Sample[], model: Model, isForm: IsForm): Guess {
  let best: Guess | null = null
  for (const { ref, why, others = [], fits } of candidates(samples, model, isForm)) {
    const fit = samples.filter(fits).length
    if (best === null || fit > best.fit) best = { ref, why, others, lookedAt: samples.length, fit }
  }
  if (best !== null && best.fit > 0) return best
  return {
    ref: ['data', {}],
    why: 'no type fits; data takes every value',
    others: [],
    lookedAt: samples.length,
    fit: 0,
  }
}

function candidates(samples: readonly Sample[], model: Model, isForm: IsForm): Candidate[] {
  const sized = (name: string, size: number, signed: boolean): TypeDefRef => [
    name,
    { ...(size !== 8 && { size }), ...(!signed && { signed }) },
  ]
  const ints = INT_SIZES.flatMap((size) =>
    [true, false].map(
      (signed): Candidate => ({
        ref: sized('int', size, signed),
        why: `index bytes of ${signed ? 'a signed' : 'an unsigned'} int of ${size} ${size === 1 ? 'byte' : 'bytes'}`,
        ...(size === 4 && !signed && { others: ['inet:ipv4'] }),
        ...(size === 8 && !signed && { others: ['geo:dist'] }),
        fits: ({ valu, indx }) => isInt(valu) && isBytes(indx, intBytes(valu, size, signed)),
      }),
    ),
  )
  const areTimes = 2 * samples.filter(({ valu }) => isInt(valu) && isTime(valu)).length >= samples.length
  const own: Candidate[] = [
    { ref: ['data', {}], why: 'values without an index', fits: ({ indx }) => indx === null },
    {
      ref: ['bool', {}],
      why: 'an index byte of 0 or 1',
      others: ['int of 1 byte, unsigned'],
      fits: ({ valu, indx }) => (valu === 0 || valu === 1) && isBytes(indx, intBytes(valu, 1, false)),
    },
    {
      ref: ['time', {}],
      why: 'index bytes of a signed int of 8 bytes, and most values are times between 1900 and 2100',
      others: ['int', 'time {"ismin":true}', 'time {"ismax":true}'],
      fits: ({ valu, indx }) => areTimes && isInt(valu) && isBytes(indx, intBytes(valu, 8, true)),
    },
    ...ints,
    {
      ref: ['guid', {}],
      why: '32 hex digits, and their 16 bytes as index',
      others: ['hex of size 32'],
      fits: ({ valu, indx }) =>
        typeof valu === 'string' && /^[0-9a-f]{32}$/.test(valu) && isBytes(indx, hexBytes(valu)),
    },
    {
      ref: ['hex', sizeOf(samples)],
      why: 'hex digits, and their bytes as index',
      fits: ({ valu, indx }) =>
        typeof valu === 'string' && /^([0-9a-f]{2})+$/.test(valu) && isBytes(indx, shortened(hexBytes(valu))),
    },
    {
      ref: ['inet:ipv6', {}],
      why: 'an address, and 16 index bytes',
      fits: ({ valu, indx }) =>
        typeof valu === 'string' &&
        valu.includes(':') &&
        lengthOf(indx) === 16 &&
        keeps(model, ['inet:ipv6', {}], valu),
    },
    {
      ref: ['loc', {}],
      why: 'index bytes of a place: its parts, each with a NUL behind',
      fits: ({ valu, indx }) =>
        typeof valu === 'string' && isBytes(indx, Buffer.from(`${valu.replaceAll('.', '\0')}\0`)),
    },
    {
      ref: ['str', {}],
      why: 'the text as index',
      fits: ({ valu, indx }) => {
        if (valu instanceof RawStr) return isBytes(indx, shortened(valu.bytes))
        return typeof valu === 'string' && isBytes(indx, shortened(utf8(valu)))
      },
    },
    {
      ref: ['inet:fqdn', {}],
      why: 'the text reversed as index',
      fits: ({ valu, indx }) => typeof valu === 'string' && isBytes(indx, Buffer.from([...valu].reverse().join(''))),
    },
    {
      ref: ['ival', {}],
      why: 'two times, and both as index',
      fits: ({ valu, indx }) =>
        isArray(valu, 2) &&
        valu.every(isInt) &&
        isBytes(indx, Buffer.concat(valu.map((item) => intBytes(item, 8, true)))),
    },
    {
      ref: ['geo:latlong', {}],
      why: 'two numbers, and 10 index bytes of latitude and longitude',
      fits: ({ valu, indx }) =>
        isArray(valu, 2) && isBytes(indx, Buffer.concat([degrees(valu[0], LATITUDE), degrees(valu[1], LONGITUDE)])),
    },
    ...wholes(isForm),
  ]
  const array = arrayOf(samples, model, isForm)
  return array === null ? own : [...own, array]
}

/** Types whose index is a digest of the whole value. */
function wholes(isForm: IsForm): Candidate[] {
  const isNdef = (valu: Value): boolean => isArray(valu, 2) && typeof valu[0] === 'string' && isForm(valu[0])
  const isWhole = ({ valu, indx }: Sample): boolean => Array.isArray(valu) && isBytes(indx, buid(valu))
  return [
    {
      ref: ['edge', {}],
      why: 'two nodes, and a digest as index',
      fits: (sample) => isWhole(sample) && isArray(sample.valu, 2) && sample.valu.every(isNdef),
    },
    {
      ref: ['timeedge', {}],
      why: 'two nodes and a time, and a digest as index',
      fits: (sample) =>
        isWhole(sample) && isArray(sample.valu, 3) && sample.valu.slice(0, 2).every(isNdef) && isInt(sample.valu[2]),
    },
    {
      ref: ['ndef', {}],
      why: 'the name of a form and a value, and a digest as index',
      fits: (sample) => isWhole(sample) && isNdef(sample.valu),
    },
    {
      ref: ['data', {}],
      why: 'an array, and a digest as index: it is of a comp that nothing tells more about; data is stored alike',
      others: ['comp'],
      fits: isWhole,
    },
  ]
}

/** Guesses the type of elements from their index bytes, as for single values. */
function arrayOf(samples: readonly Sample[], model: Model, isForm: IsForm): Candidate | null {
  const items = samples.flatMap(itemsOf)
  if (!samples.some(({ valu, indx }) => Array.isArray(valu) && Array.isArray(indx))) return null
  const { ref, why, others } = items.length === 0 ? EMPTY : guessType(items, model, isForm)
  const [type, typeopts] = ref
  const arrays = samples.map(({ valu }) => valu).filter((valu) => Array.isArray(valu))
  const isUniq = arrays.every((valu) => new Set(valu.map(keyOf)).size === valu.length)
  const isSorted = isUniq && arrays.every((valu) => valu.every((item, i) => i === 0 || compare(valu[i - 1], item) <= 0))
  return {
    ref: [
      'array',
      {
        type,
        ...(Object.keys(typeopts).length > 0 && { typeopts }),
        ...(isUniq && { uniq: true }),
        ...(isSorted && { sorted: true }),
      },
    ],
    why: `index bytes of an array; those of its elements: ${why}`,
    others: others.map((name) => `array of ${name}`),
    fits: ({ valu, indx }) => Array.isArray(valu) && Array.isArray(indx) && indx.length === valu.length + 1,
  }
}

/** The guess for arrays that are all empty. */
const EMPTY = { ref: ['str', {}] as TypeDefRef, why: 'there are none, any type would do', others: [] as string[] }

/** The elements of an array with their own index bytes. */
export function itemsOf({ valu, indx }: Sample): Sample[] {
  if (!Array.isArray(valu) || !Array.isArray(indx) || indx.length !== valu.length + 1) return []
  return valu.map((item, i) => {
    const bytes = indx[i + 1]
    return { valu: item, indx: bytes instanceof Uint8Array ? bytes.subarray(1) : null }
  })
}

function keeps(model: Model, ref: TypeDefRef, valu: Value): boolean {
  return model.typeOf(ref).keeps(valu)
}

function sizeOf(samples: readonly Sample[]): { size?: number } {
  const sizes = new Set(samples.map(({ valu }) => (typeof valu === 'string' ? valu.length : 0)))
  return sizes.size === 1 && samples.length > 1 ? { size: [...sizes][0] } : {}
}

function isInt(valu: Value): valu is number | bigint {
  return typeof valu === 'number' || typeof valu === 'bigint'
}

function isTime(valu: number | bigint): boolean {
  const time = BigInt(valu)
  if (time === FUTURE) return true
  return time >= TIMES.first && time < TIMES.last && (time < -TIMES.about1970 || time > TIMES.about1970)
}

function isArray(valu: Value, length: number): valu is Value[] {
  return Array.isArray(valu) && valu.length === length
}

function intBytes(valu: Value, size: number, signed: boolean): Uint8Array {
  const above = BigInt(valu as number | bigint) + (signed ? 1n << BigInt(8 * size - 1) : 0n)
  if (above < 0n || above >> BigInt(8 * size) > 0n) return NO_BYTES
  return Buffer.from(above.toString(16).padStart(2 * size, '0'), 'hex')
}

function degrees(valu: Value, { scale, space }: { scale: number; space: number }): Uint8Array {
  const number = valu instanceof Float ? valu.value : valu
  return typeof number === 'number' ? intBytes(BigInt(Math.trunc(number * scale + space)), 5, false) : NO_BYTES
}

function hexBytes(text: string): Uint8Array {
  return Buffer.from(text, 'hex')
}

/** No index is made of these: nothing is equal to them. */
const NO_BYTES = new Uint8Array(0)

function isBytes(indx: Value, bytes: Uint8Array): boolean {
  return bytes !== NO_BYTES && indx instanceof Uint8Array && Buffer.compare(indx, bytes) === 0
}

function lengthOf(indx: Value): number {
  return indx instanceof Uint8Array ? indx.length : -1
}

function keyOf(valu: Value): string {
  return JSON.stringify(valu, (_, item) => (typeof item === 'bigint' ? `${item}n` : item))
}

function compare(a: Value, b: Value): number {
  if (isInt(a) && isInt(b)) return a < b ? -1 : a > b ? 1 : 0
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)))
}

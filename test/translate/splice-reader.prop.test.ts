import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { SpliceReader } from '../../src/translate/splice-reader.js'

const fixture = JSON.parse(readFileSync('test/fixtures/splices/splices.json', 'utf8')) as {
  layers: { splices: string[] }[]
}
const real = fixture.layers.flatMap(({ splices }) => splices.map((hex) => Buffer.from(hex, 'hex')))

const FIELDS = [
  'ndefStart ndefEnd formStart formEnd valueStart valueEnd timeKey timeStart timeEnd userKey userStart userEnd',
  'provKey provStart provEnd propStart propEnd tagStart tagEnd valuStart valuEnd oldvStart oldvEnd curvStart curvEnd',
].flatMap((line) => line.split(' ') as (keyof SpliceReader)[])

interface Edit {
  readonly kind: 'none' | 'byte' | 'cut' | 'longer' | 'double' | 'swap'
  readonly at: number
  readonly to: number
}
const edit: fc.Arbitrary<Edit> = fc.record({
  kind: fc.constantFrom<Edit['kind']>('none', 'none', 'none', 'byte', 'cut', 'longer', 'double', 'swap'),
  at: fc.nat(),
  to: fc.nat(255),
})
/** Splices that follow each other in a real log, some of them spoilt. */
const log = fc.record({ from: fc.nat(real.length - 1), edits: fc.array(edit, { minLength: 1, maxLength: 40 }) })

test('SpliceReader finds in a splice of the usual layout what it finds in the same splice under a longer head', () => {
  const reader = new SpliceReader()
  const other = new SpliceReader()
  const ndefs = new Map<number, string>()
  const provs = new Map<number, string>()
  fc.assert(
    fc.property(log, ({ from, edits }) => {
      edits.forEach((change, i) => {
        const raw = changed(real[(from + i) % real.length], change)
        // A head of three bytes is none that 0.1.x writes: such a splice is read key by key.
        const long = Buffer.concat([Uint8Array.of(0xdc, 0, raw[0] & 0x0f), raw.subarray(1)])
        const isArray = raw.length > 0 && (raw[0] & 0xf0) === 0x90
        const why = reader.read(raw, 0, raw.length)
        if (!isArray) return
        assert.equal(why, other.read(long, 0, long.length))
        if (why !== null) return
        assert.equal(reader.kind, other.kind)
        assert.deepEqual(positions(reader, 0), positions(other, 2))
        sameNumberSameBytes(ndefs, reader.ndefId, raw.subarray(reader.ndefStart, reader.ndefEnd))
        if (reader.provStart >= 0) {
          sameNumberSameBytes(provs, reader.provId, raw.subarray(reader.provStart, reader.provEnd))
        }
      })
    }),
    { numRuns: 400 },
  )
})

test('SpliceReader gives the ndef and prov of consecutive real splices the same number', () => {
  const reader = new SpliceReader()
  let same = 0
  for (const raw of real) {
    const { ndefId } = reader
    assert.equal(reader.read(raw, 0, raw.length), null)
    if (reader.ndefId === ndefId) same++
  }
  assert.ok(same > real.length / 2)
})

/** The positions that hold: ends say nothing where the start is -1. */
function positions(reader: SpliceReader, head: number): Record<string, number> {
  const found = FIELDS.map((name): [string, number] => {
    const start = reader[name.replace(/End$/, 'Start') as keyof SpliceReader] as number
    return [name, start < 0 ? -1 : (reader[name] as number) - head]
  })
  return Object.fromEntries(found)
}

function sameNumberSameBytes(seen: Map<number, string>, id: number, bytes: Buffer): void {
  const hex = bytes.toString('hex')
  assert.equal(seen.get(id) ?? hex, hex)
  seen.set(id, hex)
}

function changed(raw: Buffer, { kind, at, to }: Edit): Buffer {
  const place = at % raw.length
  switch (kind) {
    case 'byte': {
      const copy = Buffer.from(raw)
      copy[place] = to
      return copy
    }
    case 'cut':
      return raw.subarray(0, place)
    case 'longer':
      return Buffer.concat([raw, Uint8Array.of(to)])
    case 'double':
      return withKeyAgain(raw)
    case 'swap':
      // `time` and `user` in each other's place.
      return Buffer.from(
        raw.toString('latin1').replace(/(\xa4time\xcf[\s\S]{8})(\xa4user\xd9\x20.{32})/, '$2$1'),
        'latin1',
      )
    default:
      return raw
  }
}

/** With the entry `time` once more behind the ndef: of equal keys the last one counts. */
function withKeyAgain(raw: Buffer): Buffer {
  const reader = new SpliceReader()
  if (reader.read(raw, 0, raw.length) !== null || reader.timeKey < 0) return raw
  const copy = Buffer.concat([
    raw.subarray(0, reader.ndefEnd),
    raw.subarray(reader.timeKey, reader.timeEnd),
    raw.subarray(reader.ndefEnd),
  ])
  copy[reader.ndefStart - 6]++
  return copy
}

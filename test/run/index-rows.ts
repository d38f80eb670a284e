import fc from 'fast-check'
import { IndexRows } from '../../src/translate/index-rows.js'

/** A row as tests give it: the owner is the number of its node. */
export interface TestRow {
  readonly group: number
  readonly owner: number
  readonly index: Uint8Array
}

export function indexRows(list: readonly TestRow[]): IndexRows {
  const rows = new IndexRows()
  for (const { group, owner, index } of list) {
    rows.reserve().set(index, rows.used)
    rows.add(group, owner, rows.used + index.length)
  }
  return rows
}

/** 32 bytes for each owner, ascending. */
export function buidsOf(owners: number): Buffer {
  const buids = Buffer.alloc(owners * 32)
  for (let owner = 0; owner < owners; owner++) buids.writeUInt32BE(owner, owner * 32)
  return buids
}

/** Index bytes that share long prefixes, are prefixes of each other, or differ only in zeros at their end. */
export const anyIndex: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc.array(fc.constantFrom(0, 1, 255), { maxLength: 9 }).map((bytes) => Uint8Array.from(bytes)),
  fc.tuple(fc.integer({ min: 0, max: 30 }), fc.uint8Array({ maxLength: 6 })).map(([shared, rest]) => {
    return Buffer.concat([Buffer.alloc(shared, 7), rest])
  }),
  fc.integer({ min: 0, max: 6 }).map((length) => new Uint8Array(length)),
)

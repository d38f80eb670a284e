import fc from 'fast-check'
import { type GroupRanks, KernelIndexRows } from '../../src/kernel/index-rows.js'
import { kernel } from '../../src/kernel/kernel.js'

/** A row as tests give it: the owner is the number of its node. */
export interface TestRow {
  readonly group: number
  readonly owner: number
  readonly index: Uint8Array
}

const shared = KernelIndexRows.make()
let buids = 0
let buidCount = 0

/** Rows whose groups have these ranks. Valid until the next call. */
export function indexRows(list: readonly TestRow[], ranks: GroupRanks): KernelIndexRows {
  shared.clear()
  for (const { group, owner, index } of list) shared.add(group, owner, index, 0, index.length)
  shared.forgetRanks()
  shared.rank(shared.freshGroups(), ranks)
  return shared
}

export function buidOf(owner: number): Buffer {
  const buid = Buffer.alloc(32)
  buid.writeUInt32BE(owner)
  return buid
}

/** The address in the kernel of the buids of so many owners, ascending. Valid until the next call. */
export function buidsOf(owners: number): number {
  if (owners <= buidCount) return buids
  buidCount = 2 * owners
  buids = kernel().calls.allocate(32 * buidCount)
  for (let owner = 0; owner < buidCount; owner++) kernel().mem.set(buidOf(owner), buids + 32 * owner)
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

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

import type { Difference } from './report.js'
import type { ListedRow } from './tasks/verify-rows.js'

/**
 * The rows that only one side has. If a name and buid have one row missing and one extra, their index bytes are wrong:
 * these two are a single difference.
 */
export function pairRows(expected: readonly ListedRow[], found: readonly ListedRow[]): Omit<Difference, 'layer'>[] {
  const balance = new Map<string, { row: ListedRow; count: number }>()
  const count = (row: ListedRow, by: number) => {
    const id = `${row.db} ${hex(row.key)} ${hex(row.value)}`
    const entry = balance.get(id) ?? { row, count: 0 }
    entry.count += by
    balance.set(id, entry)
  }
  for (const row of expected) count(row, 1)
  for (const row of found) count(row, -1)
  const extra = new Map<string, ListedRow[]>()
  for (const { row } of [...balance.values()].filter((entry) => entry.count < 0)) {
    extra.set(placeOf(row), [...(extra.get(placeOf(row)) ?? []), row])
  }
  const differences: Omit<Difference, 'layer'>[] = []
  for (const { row } of [...balance.values()].filter((entry) => entry.count > 0)) {
    differences.push(differenceOf(row, extra.get(placeOf(row))?.shift() ?? null))
  }
  for (const row of [...extra.values()].flat()) differences.push(differenceOf(null, row))
  return differences
}

function differenceOf(expected: ListedRow | null, found: ListedRow | null): Omit<Difference, 'layer'> {
  const { db, value, name } = (expected ?? found) as ListedRow
  return {
    kind: expected === null ? 'extra' : found === null ? 'missing' : 'different',
    place: db,
    buid: value,
    row: `index ${name}`,
    expected: expected?.key ?? null,
    found: found?.key ?? null,
  }
}

function placeOf({ db, name, value }: ListedRow): string {
  return `${db} ${name} ${hex(value)}`
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

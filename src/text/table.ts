import { printable } from '../bytes/printable.js'

/** A cell. Numbers are right-aligned with thousands separators; null shows as `?`. */
export type Cell = string | number | null

/** Aligns rows in columns. The first row holds the headings; the heading of a numeric column is right-aligned too. */
export function tableLines(rows: readonly (readonly Cell[])[]): string[] {
  return aligned(rows, rows.slice(1))
}

/** Like tableLines(), without headings. */
export function rowLines(rows: readonly (readonly Cell[])[]): string[] {
  return aligned(rows, rows)
}

/** A number with thousands separators. */
export function count(value: number): string {
  // Node's own function loads data of all languages first: 16 ms.
  return Number.isSafeInteger(value) ? String(value).replace(/\B(?=(?:\d{3})+$)/g, ',') : value.toLocaleString('en-US')
}

/** A number with its noun, which gets an "s" unless the number is 1. */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`
}

/** A number with its noun and "is" or "are". */
export function areCounted(value: number, noun: string): string {
  return `${counted(value, noun)} ${value === 1 ? 'is' : 'are'}`
}

/** Indents lines under the line before. */
export function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`)
}

function showCell(cell: Cell): string {
  if (cell === null) return '?'
  return typeof cell === 'number' ? count(cell) : printable(cell)
}

function aligned(rows: readonly (readonly Cell[])[], body: readonly (readonly Cell[])[]): string[] {
  const isNumeric = (rows[0] ?? []).map((_, column) => {
    const cells = body.map((row) => row[column])
    return cells.some((cell) => typeof cell === 'number') && cells.every((cell) => typeof cell !== 'string')
  })
  const texts = rows.map((row) => row.map(showCell))
  const widths = isNumeric.map((_, column) => Math.max(...texts.map((row) => row[column].length)))
  return texts.map((row) =>
    row
      .map((text, column) => (isNumeric[column] ? text.padStart(widths[column]) : text.padEnd(widths[column])))
      .join('  ')
      .trimEnd(),
  )
}

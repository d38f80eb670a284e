import { printable } from '../bytes/printable.js'

/** A cell; numbers are set flush right, with thousands separated, null as `?`. */
export type Cell = string | number | null

/** Rows as lines of aligned columns, the first row being the heads; a column of numbers has its head flush right. */
export function tableLines(rows: readonly (readonly Cell[])[]): string[] {
  return aligned(rows, rows.slice(1))
}

/** The same without heads. */
export function rowLines(rows: readonly (readonly Cell[])[]): string[] {
  return aligned(rows, rows)
}

/** A number with its thousands separated. */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** A number of things, by the noun for one of them. */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`
}

/** Lines as part of the one before. */
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

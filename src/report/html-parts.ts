import { escapeHtml as esc } from '../text/html.js'
import { count as n } from '../text/table.js'

/** A cell of a table. Null means "does not apply" or "not measured", and shows as a dash. */
export type HtmlCell = string | number | null | { readonly delta: number }

/** Rows of a table with a common first word. It stands above them, as a narrow screen has no room to repeat it. */
export interface RowGroup {
  readonly name: string
  readonly rows: readonly (readonly HtmlCell[])[]
}

/** A text of this length or more gets a line of its own. */
const LONG_TEXT = 40

/** A section of the page, with a link in the list at the top. */
export interface Section {
  readonly title: string
  readonly content: string
}

export function sectionHtml({ title, content }: Section): string {
  return `<section id="${idOf(title)}"><h2>${esc(title)}</h2>${content}</section>`
}

export function contentsHtml(sections: readonly Section[]): string {
  const items = sections.map(({ title }) => `<li><a href="#${idOf(title)}">${esc(title)}</a></li>`)
  return `<nav aria-label="Contents"><ul>${items.join('')}</ul></nav>`
}

export function listHtml(items: readonly string[]): string {
  return items.length === 0
    ? '<p>Nothing.</p>'
    : `<ul>${items.map((item) => `<li><bdi>${esc(item)}</bdi></li>`).join('')}</ul>`
}

/** Folds long details that few people read. On paper it is always open. */
export function foldHtml(summary: string, content: string, isOpen = false): string {
  return `<details${isOpen ? ' open' : ''}><summary>${esc(summary)}</summary>${content}</details>`
}

/** Names and values. Leaves out values that are null, empty, or an empty list. */
export function factsHtml(rows: readonly (readonly [string, string | readonly string[] | null])[]): string {
  const shown = rows.filter(([, value]) => value !== null && value.length > 0)
  const html = shown.map(([name, value]) => {
    const text = typeof value === 'string' ? `<bdi>${esc(value)}</bdi>` : listHtml(value ?? [])
    return `<dt>${esc(name)}</dt><dd>${text}</dd>`
  })
  return `<dl>${html.join('')}</dl>`
}

/** A table. Leaves out columns without any value. */
export function tableHtml(name: string, heads: readonly string[], rows: readonly (readonly HtmlCell[])[]): string {
  const isFilled = heads.map((_, at) => rows.some((row) => row[at] !== null && row[at] !== ''))
  const filled = rows.map((row) => row.filter((_, at) => isFilled[at]))
  return groupedTableHtml(
    name,
    heads.filter((_, at) => isFilled[at]),
    [{ name: '', rows: filled }],
  )
}

/** A table in a scrolling region, because phones are narrow. It can take the focus, so that keys can scroll it. */
export function groupedTableHtml(name: string, heads: readonly string[], groups: readonly RowGroup[]): string {
  const rows = groups.flatMap((group) => group.rows)
  const isNumber = heads.map(
    (_, at) => rows.some((row) => isNumeric(row[at])) && rows.every((row) => typeof row[at] !== 'string'),
  )
  const th = heads.map((head, at) => `<th scope="col"${isNumber[at] ? ' class="n"' : ''}>${esc(head)}</th>`).join('')
  const bodies = groups.map((group) => {
    const head =
      group.name === ''
        ? ''
        : `<tr><th scope="rowgroup" colspan="${heads.length}"><bdi>${esc(group.name)}</bdi></th></tr>\n`
    const trs = group.rows.map((row) => `<tr>${row.map((cell, at) => td(cell, isNumber[at])).join('')}</tr>`)
    return `<tbody>${head}${trs.join('\n')}</tbody>`
  })
  return `<div class="scroll" role="group" aria-label="${esc(name)}" tabindex="0"><table><thead><tr>${th}</tr></thead>${bodies.join('\n')}</table></div>`
}

function td(cell: HtmlCell, isNumber: boolean): string {
  if (cell === null) return `<td class="mute${isNumber ? ' n' : ''}">-</td>`
  if (typeof cell === 'string')
    return `<td${cell.length > LONG_TEXT ? ' class="text"' : ''}><bdi>${esc(cell)}</bdi></td>`
  if (typeof cell === 'number') return `<td class="n">${n(cell)}</td>`
  return `<td class="n${cell.delta === 0 ? '' : ' off'}">${cell.delta > 0 ? '+' : ''}${n(cell.delta)}</td>`
}

function isNumeric(cell: HtmlCell): boolean {
  return cell !== null && typeof cell !== 'string'
}

function idOf(title: string): string {
  return title.toLowerCase().replace(/[^a-z0-9]+/g, '-')
}

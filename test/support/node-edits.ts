import { parseLine } from './compare.js'

/** One edit of the history, without the row and the batch in which it stands. */
export interface Edit {
  readonly layer: string
  /** `[buid, form, edit]` as canonical text. */
  readonly edit: string
  readonly user: string
  readonly prov: string
}

/**
 * The edits of all layers of a dump, in their order: how many of them share a row differs between migrators, as the
 * reference cuts rows where its reader happens to pause.
 */
export function nodeEdits(dump: readonly string[]): Map<string, Edit[]> {
  const rows = dump.map(parseLine).filter(({ path, db }) => path.endsWith('nodeedits.lmdb') && db === 'nodeedits')
  const layers = new Map<string, [number, Edit[]][]>()
  for (const { path, row } of rows) {
    const layer = path.split('/')[1]
    // Numbers beyond 2^53 lose digits here, but they do so on both sides: edits are compared as text below.
    const [offset, [edits, meta]] = JSON.parse(row)
    const flat = splitEdits(row).map((edit) => ({ layer, edit, user: String(meta.user), prov: String(meta.prov) }))
    if (edits.length !== 1) throw new Error(`Row ${offset} of layer ${layer} holds ${edits.length} node edits`)
    layers.set(layer, [...(layers.get(layer) ?? []), [offset, flat]])
  }
  const inOrder = [...layers].map(([layer, found]): [string, Edit[]] => {
    const sorted = found.sort(([a], [b]) => a - b)
    sorted.forEach(([offset], i) => {
      if (offset !== i) throw new Error(`Layer ${layer} has row ${offset} where ${i} is expected`)
    })
    return [layer, sorted.flatMap(([, edits]) => edits)]
  })
  return new Map(inOrder)
}

/** The texts of the single edits of a row `[offset,[[[buid,form,[edit,...]]],meta]]`. */
function splitEdits(row: string): string[] {
  const { items } = parseItems(row, row.indexOf(',') + 1)
  const [nodeEdit] = parseItems(items[0], 0).items
  const [buid, form, edits] = parseItems(nodeEdit, 0).items
  return parseItems(edits, 0).items.map((edit) => `[${buid},${form},${edit}]`)
}

/** The texts of the items of the JSON array that starts at `start`. */
export function parseItems(text: string, start: number): { items: string[]; end: number } {
  const items: string[] = []
  let depth = 0
  let from = start + 1
  for (let i = start; i < text.length; i++) {
    const c = text[i]
    if (c === '"') {
      for (i++; text[i] !== '"'; i++) if (text[i] === '\\') i++
    } else if (c === '[' || c === '{') depth++
    else if (c === ']' || c === '}') {
      depth--
      if (depth > 0) continue
      if (i > from) items.push(text.slice(from, i))
      return { items, end: i + 1 }
    } else if (c === ',' && depth === 1) {
      items.push(text.slice(from, i))
      from = i + 1
    }
  }
  throw new Error(`This is no array: ${text.slice(start, start + 80)}`)
}

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** An error or a finding of preflight that has a hint, as it stands in the source. */
export interface HintedError {
  readonly file: string
  /** What changes is `…`. */
  readonly text: string
}

const START = /new MigrationError\(\s*'ERR_\w+',\s*|\b(?:problem|warning)\(\s*/g
const QUOTED = /^('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")/s

/** Texts that are written where they are thrown and have a hint beside them; those put together elsewhere are not found. */
export function hintedErrors(dir: string): HintedError[] {
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .sort()
  return files.flatMap((file) => {
    const code = readFileSync(join(dir, file), 'utf8')
    return [...code.matchAll(START)].flatMap(({ 0: start, index }) => {
      const rest = code.slice(index + start.length)
      const literal = literalOf(rest)
      if (literal === null) return []
      const after = rest.slice(literal.length).trimStart()
      const isError = start.startsWith('new')
      const call = after.slice(0, after.search(/\n\s*}?\)?\s*\n|\n\n/) + 1 || 200)
      if (isError ? !/^,\s*\{[^}]*?\bhint\b/s.test(after.slice(0, 300)) : !/^,\s*\S/.test(call)) return []
      return [{ file, text: shown(literal) }]
    })
  })
}

function literalOf(code: string): string | null {
  if (code.startsWith('`')) return templateOf(code)
  return QUOTED.exec(code)?.[1] ?? null
}

/** Up to the backtick that ends it; expressions in it may hold templates of their own. */
function templateOf(code: string): string {
  let depth = 0
  for (let at = 1; at < code.length; at++) {
    if (code[at] === '\\') at++
    else if (code.startsWith('${', at)) depth++
    else if (depth > 0 && code[at] === '}') depth--
    else if (depth === 0 && code[at] === '`') return code.slice(0, at + 1)
  }
  return code
}

function shown(literal: string): string {
  const inner = literal.slice(1, -1)
  let text = ''
  let depth = 0
  for (let at = 0; at < inner.length; at++) {
    if (literal[0] === '`' && inner.startsWith('${', at)) {
      if (depth++ === 0) text += '…'
      at++
    } else if (depth > 0) {
      if (inner[at] === '}') depth--
      else if (inner[at] === '{') depth++
    } else if (inner[at] === '\\') text += inner[++at]
    else text += inner[at]
  }
  return text.replace(/\s+/g, ' ').trim()
}

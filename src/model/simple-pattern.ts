import type { ByteCheck } from './type.js'

const whole = /^(\(\?i\))?\^(.*)\$$/
/** A group, a class or a character, and how often it may stand there. */
const piece = /(?:\(([^()|?]+)\)|\[([\w:. -]+)\]|([\w:-]))(?:\{(\d+)(,(\d*))?\}|([+*?]))?/y
const MOST_RUNS = 15

/**
 * Texts of one class each that a pattern is made of, if it is that simple. Who finds them one after another, each as long
 * as may be, knows that the pattern matches.
 *
 * @param isLower whether the texts are in lower case
 */
export function runsOf(pattern: string, isLower: boolean): ByteCheck[] | null {
  const match = whole.exec(pattern)
  if (match === null || (match[1] !== undefined && !isLower)) return null
  const runs = parse(match[1] === undefined ? match[2] : match[2].toLowerCase())
  return runs !== null && runs.length <= MOST_RUNS ? runs : null
}

function parse(pattern: string): ByteCheck[] | null {
  const runs: ByteCheck[] = []
  for (let at = 0; at < pattern.length; at = piece.lastIndex) {
    piece.lastIndex = at
    const match = piece.exec(pattern)
    if (match === null) return null
    const { lastIndex } = piece
    const [, group, chars, char, fewest, range, most, sign] = match
    const low = fewest === undefined ? Number(sign !== '*' && sign !== '?') : Number(fewest)
    const isOpen = sign === '*' || sign === '+' || (range !== undefined && most === '')
    const high = isOpen ? Infinity : Number(most ?? fewest ?? 1)
    if (group === undefined) runs.push({ kind: 'text', chars: chars ?? `\\x${hex(char)}`, low, high })
    else {
      const inner = parse(group)
      if (inner === null || low !== high || low > MOST_RUNS) return null
      for (let i = 0; i < low; i++) runs.push(...inner)
    }
    piece.lastIndex = lastIndex
  }
  return runs
}

function hex(char: string): string {
  return char.charCodeAt(0).toString(16)
}

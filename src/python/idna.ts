import { CharSet, unicodeTables } from './char-set.js'
import { assignedChars, isAscii, lower } from './text.js'

const ACE_PREFIX = 'xn--'
const MAX_LABEL = 63

/** Characters that nameprep drops. */
const dropped = new CharSet(unicodeTables.b1)
const prohibited = new CharSet(unicodeTables.prohibited)
const rightToLeft = new CharSet(unicodeTables.d1)
const leftToRight = new CharSet(unicodeTables.d2)
/** Characters with no compatibility form in Unicode 3.2, which nameprep is based on. */
const hasNoForms = new CharSet(unicodeTables.nfkcSame)
const oldForms = new Map(unicodeTables.nfkc)
const foldings = new Map(unicodeTables.b3)

/**
 * Python's `text.encode('idna')`: IDNA 2003, RFC 3490 with nameprep (RFC 3491). Names in plain ASCII pass unchanged.
 *
 * @returns null where Python raises UnicodeError
 */
export function encodeIdna(text: string): string | null {
  if (isAscii(text)) return checkAscii(text)
  const labels = text.split(/[.\u3002\uff0e\uff61]/)
  const trailing = labels.at(-1) === '' ? '.' : ''
  if (trailing !== '') labels.pop()
  const encoded: string[] = []
  for (const label of labels) {
    const ace = encodeLabel(label)
    if (ace === null) return null
    encoded.push(ace)
  }
  return encoded.join('.') + trailing
}

/** RFC 3491: maps, normalizes and checks a label; null when the label is not allowed. */
function nameprep(label: string): string | null {
  let mapped = ''
  for (const char of label) if (!dropped.hasChar(char)) mapped += foldForNfkc(char)
  const normed = nfkc32(mapped)
  for (const char of normed) if (prohibited.hasChar(char)) return null
  const chars = [...normed]
  if (!chars.some((char) => rightToLeft.hasChar(char))) return normed
  if (chars.some((char) => leftToRight.hasChar(char))) return null
  const endsRight = rightToLeft.hasChar(chars[0]) && rightToLeft.hasChar(chars[chars.length - 1])
  return endsRight ? normed : null
}

function checkAscii(text: string): string | null {
  const labels = text.split('.')
  const last = labels.pop() as string
  if (last.length > MAX_LABEL) return null
  return labels.every((label) => label !== '' && label.length <= MAX_LABEL) ? text : null
}

function encodeLabel(label: string): string | null {
  const prepared = isAscii(label) ? label : nameprep(label)
  if (prepared === null) return null
  if (isAscii(prepared)) return prepared !== '' && prepared.length <= MAX_LABEL ? prepared : null
  if (prepared.startsWith(ACE_PREFIX)) return null
  const ace = ACE_PREFIX + punycode(prepared)
  return ace.length <= MAX_LABEL ? ace : null
}

/** stringprep table B.2: case folding for use with NFKC. */
function foldForNfkc(char: string): string {
  const folded = fold(char)
  const form = nfkc32(folded)
  const again = nfkc32([...form].map(fold).join(''))
  return form === again ? folded : again
}

/** stringprep table B.3. */
function fold(char: string): string {
  return foldings.get(char) ?? lower(char)
}

/** NFKC of Unicode 3.2. The forms of its characters have not changed since; newer characters have none. */
function nfkc32(text: string): string {
  if (isAscii(text)) return text
  let out = ''
  let known = ''
  for (const char of text) {
    const old = oldForms.get(char)
    if (old === undefined && !hasNoForms.hasChar(char) && assignedChars.hasChar(char)) known += char
    else {
      out += known.normalize('NFKC') + (old ?? char)
      known = ''
    }
  }
  return out + known.normalize('NFKC')
}

/** RFC 3492. */
function punycode(text: string): string {
  const points = Array.from(text, (char) => char.codePointAt(0) as number)
  const basic = points.filter((point) => point < 0x80)
  let out = String.fromCharCode(...basic)
  if (basic.length > 0) out += '-'
  let n = 0x80
  let delta = 0
  let bias = 72
  let handled = basic.length
  while (handled < points.length) {
    const next = Math.min(...points.filter((point) => point >= n))
    delta += (next - n) * (handled + 1)
    n = next
    for (const point of points) {
      if (point < n) delta++
      if (point !== n) continue
      out += varint(delta, bias)
      bias = adapt(delta, handled + 1, handled === basic.length)
      delta = 0
      handled++
    }
    delta++
    n++
  }
  return out
}

function varint(value: number, bias: number): string {
  let out = ''
  let rest = value
  for (let k = 36; ; k += 36) {
    const threshold = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias
    if (rest < threshold) return out + digit(rest)
    out += digit(threshold + ((rest - threshold) % (36 - threshold)))
    rest = Math.floor((rest - threshold) / (36 - threshold))
  }
}

function digit(value: number): string {
  return 'abcdefghijklmnopqrstuvwxyz0123456789'[value]
}

function adapt(delta: number, count: number, isFirst: boolean): number {
  let rest = isFirst ? Math.floor(delta / 700) : delta >> 1
  rest += Math.floor(rest / count)
  let k = 0
  while (rest > 455) {
    rest = Math.floor(rest / 35)
    k += 36
  }
  return k + Math.floor((36 * rest) / (rest + 38))
}

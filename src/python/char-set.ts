import { createRequire } from 'node:module'

/** src/python/data/unicode.json, made by test/oracle/make_unicode.py: characters as Python 3.7 and its `regex` know them. */
interface UnicodeTables {
  readonly assigned: string
  readonly printable: string
  readonly digit: string
  readonly zero: string
  readonly regexDigit: string
  readonly word: string
  readonly nfkcSame: string
  readonly nfkc: [string, string][]
  readonly b1: string
  readonly b3: [string, string][]
  readonly prohibited: string
  readonly d1: string
  readonly d2: string
}

export const unicodeTables = createRequire(import.meta.url)('./data/unicode.json') as UnicodeTables

/** A set of code points, unpacked on first use. */
export class CharSet {
  private packed: string
  private starts: number[] | undefined
  private ends: number[] = []

  /** @param packed "first length first length …" in base 36; each first is relative to the end of the range before */
  constructor(packed: string) {
    this.packed = packed
  }

  has(codePoint: number): boolean {
    this.starts ??= this.unpack()
    const starts = this.starts
    let low = 0
    let high = starts.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (starts[middle] <= codePoint) low = middle + 1
      else high = middle
    }
    return low > 0 && codePoint < this.ends[low - 1]
  }

  /** Whether the first character of a text is in the set. */
  hasChar(char: string): boolean {
    return this.has(char.codePointAt(0) as number)
  }

  /** The ranges as the inside of a character class of a regular expression with the `u` flag. */
  get classText(): string {
    this.starts ??= this.unpack()
    return this.starts.map((start, i) => `${escaped(start)}-${escaped(this.ends[i] - 1)}`).join('')
  }

  /** Like classText, for all other characters. */
  get complementText(): string {
    this.starts ??= this.unpack()
    const starts = [...this.starts, 0x110000]
    const ends = [0, ...this.ends]
    return starts.map((start, i) => (start > ends[i] ? `${escaped(ends[i])}-${escaped(start - 1)}` : '')).join('')
  }

  private unpack(): number[] {
    const starts: number[] = []
    const numbers = this.packed.split(' ')
    let end = 0
    for (let i = 0; i < numbers.length; i += 2) {
      const start = end + Number.parseInt(numbers[i], 36)
      end = start + Number.parseInt(numbers[i + 1], 36)
      starts.push(start)
      this.ends.push(end)
    }
    return starts
  }
}

/** The characters for which Python's `str.isprintable()` holds. */
export const printableChars = new CharSet(unicodeTables.printable)

function escaped(codePoint: number): string {
  return `\\u{${codePoint.toString(16)}}`
}

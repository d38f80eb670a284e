import { ModelError } from '../norm-error.js'
import { CharSet, unicodeTables } from './char-set.js'
import { wordChars } from './text.js'

/** A compiled pattern. Like Python's `match`, `exec` only matches at the start of a text. */
export interface Pattern {
  exec(text: string): RegExpExecArray | null
}

interface Flags {
  ignoreCase: boolean
  multiline: boolean
  dotAll: boolean
  verbose: boolean
  ascii: boolean
}

/** White space for Python's `regex`; Python's strings count other characters. */
const SPACE = '\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000'
const TEXT_START = '^'
const TEXT_END = '$'

/** JavaScript can repeat these only inside a group. */
const assertion = /^(?:\^|\$|\(\?<?[=!])/

const posixClasses: { readonly [name: string]: string } = {
  alpha: '\\p{Alphabetic}',
  digit: '0-9',
  alnum: '\\p{Alphabetic}0-9',
  upper: '\\p{Uppercase}',
  lower: '\\p{Lowercase}',
  space: SPACE,
  xdigit: '0-9A-Fa-f',
  punct: '\\p{P}\\$+<=>\\^`|~',
  blank: '\\t\\p{Zs}',
  cntrl: '\\p{Cc}',
}

const escapes: { readonly [letter: string]: string } = { n: '\\n', r: '\\r', t: '\\t', f: '\\f', v: '\\v', a: '\\x07' }

/**
 * Compiles a pattern of Python's `regex` for `match`: it matches at the start of the text and need not reach the end.
 *
 * @throws {ModelError} for a feature that JavaScript's expressions lack
 */
export function compilePattern(source: string): Pattern {
  return compile(source, '')
}

/** Compiles a pattern that has to match the whole text. */
export function fullMatch(source: string): Pattern {
  return compile(source, TEXT_END)
}

function compile(source: string, behind: string): Pattern {
  const translator = new Translator(source)
  const translated = `${TEXT_START}(?:${translator.translate()})${behind}`
  try {
    return new RegExp(translated, translator.flags.ignoreCase ? 'iu' : 'u')
  } catch (error) {
    throw new ModelError('error', `Cannot translate pattern "${source}": ${(error as Error).message.slice(-80)}`)
  }
}

class Translator {
  readonly flags: Flags = { ignoreCase: false, multiline: false, dotAll: false, verbose: false, ascii: false }
  private readonly chars: string[]
  private pos = 0
  private groups = 0
  private readonly source: string

  constructor(source: string) {
    this.source = source
    this.chars = [...source]
    for (const match of source.matchAll(/\(\?([imsxuaLfwV01]+)\)/g)) this.setFlags(match[1])
  }

  translate(): string {
    const translated = this.alternatives()
    if (this.pos < this.chars.length) throw this.refused('unbalanced parenthesis')
    return translated
  }

  private alternatives(): string {
    let out = ''
    let last = ''
    const flush = () => {
      out += last
      last = ''
    }
    while (this.pos < this.chars.length && this.chars[this.pos] !== ')') {
      const quantifier = this.quantifier()
      if (quantifier !== null) {
        if (last === '') throw this.refused('nothing to repeat')
        if (assertion.test(last)) last = `(?:${last})`
        if (this.next('+')) last = this.atomic(last + quantifier)
        else last += quantifier + (this.next('?') ? '?' : '')
        flush()
        continue
      }
      flush()
      last = this.atom()
    }
    flush()
    return out
  }

  /** `*`, `+`, `?` or `{n,m}` at the current position, or null. */
  private quantifier(): string | null {
    const char = this.chars[this.pos]
    if (char === '*' || char === '+' || char === '?') {
      this.pos++
      return char
    }
    if (char !== '{') return null
    const [whole, from, comma, to] = /^\{([0-9]*)(,?)([0-9]*)\}/.exec(this.rest()) ?? []
    if (whole === undefined || (from === '' && to === '')) {
      if (/^\{[eids0-9<]/.test(this.rest())) throw this.refused('fuzzy matching')
      return null
    }
    this.pos += whole.length
    return `{${from === '' ? '0' : from}${comma}${to}}`
  }

  private atom(): string {
    const char = this.chars[this.pos++]
    switch (char) {
      case '|':
        return '|'
      case '.':
        return this.flags.dotAll ? '[\\s\\S]' : '[^\\n]'
      case '^':
        return this.flags.multiline ? '(?<![^\\n])' : TEXT_START
      case '$':
        return this.flags.multiline ? '(?![^\\n])' : `(?=\\n?${TEXT_END})`
      case '(':
        return this.group()
      case '[':
        return this.charClass()
      case '\\':
        return this.escape()
      default:
        if (this.flags.verbose && /\s/.test(char)) return ''
        if (this.flags.verbose && char === '#') return this.comment()
        return this.literal(char)
    }
  }

  private literal(char: string): string {
    if (this.flags.ignoreCase && /[iI\u0130]/.test(char)) return '[iI\\u0130]'
    return quoted(char)
  }

  private comment(): string {
    while (this.pos < this.chars.length && this.chars[this.pos] !== '\n') this.pos++
    return ''
  }

  private group(): string {
    if (!this.next('?')) return this.capture('(')
    const [whole, name] = /^(?:P?<([A-Za-z_]\w*)>)/.exec(this.rest()) ?? []
    if (whole !== undefined && name !== undefined) {
      this.pos += whole.length
      return this.capture(`(?<${name}>`)
    }
    if (this.next('P=')) return `\\k<${this.until(')')}>`
    if (this.next('#')) {
      this.until(')')
      return ''
    }
    if (this.next('>')) return this.atomic(this.inside())
    for (const head of [':', '=', '!', '<=', '<!']) if (this.next(head)) return `(?${head}${this.inside()})`
    return this.flagGroup()
  }

  /** `(?i)`, which holds for the whole pattern, or `(?s-m:…)`. */
  private flagGroup(): string {
    const [whole, on, off = '', end] = /^([imsxuaLfwV01]*)(?:-([imsx]+))?([:)])/.exec(this.rest()) ?? []
    if (whole === undefined || on + off === '') throw this.refused(`group (?${this.rest().slice(0, 8)}`)
    this.pos += whole.length
    if (end === ')') return ''
    const before = { ...this.flags }
    this.setFlags(on)
    for (const letter of off) this.setFlag(letter, false)
    if (this.flags.ignoreCase !== before.ignoreCase) throw this.refused('case that is ignored in a group only')
    const translated = `(?:${this.inside()})`
    Object.assign(this.flags, before)
    return translated
  }

  private capture(head: string): string {
    this.groups++
    return `${head}${this.inside()})`
  }

  private inside(): string {
    const translated = this.alternatives()
    if (!this.next(')')) throw this.refused('missing )')
    return translated
  }

  /** An atomic group, which never backtracks: a JavaScript lookahead does not either. */
  private atomic(inner: string): string {
    const name = `atomic${this.pos}`
    return `(?:(?=(?<${name}>${inner}))\\k<${name}>)`
  }

  private escape(): string {
    const char = this.chars[this.pos++]
    switch (char) {
      case undefined:
        throw this.refused('bad escape at the end')
      case 'A':
        return TEXT_START
      case 'Z':
        return TEXT_END
      case 'b':
        return `(?:(?<=${this.word()})(?!${this.word()})|(?<!${this.word()})(?=${this.word()}))`
      case 'B':
        return `(?:(?<=${this.word()})(?=${this.word()})|(?<!${this.word()})(?!${this.word()}))`
      default:
        if (/[1-9]/.test(char)) return this.backReference(char)
        return this.escapedChar(char, (inner, negated) => `[${negated ? '^' : ''}${inner}]`)
    }
  }

  /** `\d` and its like, or one character, inside or outside of a class. */
  private escapedChar(char: string, asClass: (inner: string, negated: boolean) => string): string {
    const lower = char.toLowerCase()
    if (lower === 'd' || lower === 's' || lower === 'w') return asClass(this.classOf(lower), char !== lower)
    if (lower === 'p') {
      if (this.flags.ascii) throw this.refused('a property of ASCII alone')
      const [whole] = /^\{\^?[\w=: ]+\}/.exec(this.rest()) ?? []
      if (whole === undefined) throw this.refused('property')
      this.pos += whole.length
      const negated = whole[1] === '^' ? (char === 'p' ? 'P' : 'p') : char
      return `\\${negated}${whole.replace('^', '').replace(':', '=')}`
    }
    if (Object.hasOwn(escapes, char)) return escapes[char]
    const width = { x: 2, u: 4, U: 8 }[char]
    if (width !== undefined) return this.codePoint(width)
    if (char === '0') return this.octal()
    if (/[A-Za-z]/.test(char)) throw this.refused(`escape \\${char}`)
    return quotedInClass(char)
  }

  private codePoint(width: number): string {
    const hex = this.rest().slice(0, width)
    if (!new RegExp(`^[0-9a-fA-F]{${width}}$`).test(hex)) throw this.refused('incomplete escape')
    this.pos += width
    return `\\u{${Number.parseInt(hex, 16).toString(16)}}`
  }

  private octal(): string {
    const [digits] = /^[0-7]{0,2}/.exec(this.rest()) as unknown as [string]
    this.pos += digits.length
    return `\\u{${Number.parseInt(`0${digits}`, 8).toString(16)}}`
  }

  private backReference(first: string): string {
    const more = /^[0-9]?/.exec(this.rest())?.[0] ?? ''
    this.pos += more.length
    const number = Number(first + more)
    if (number > this.groups) throw this.refused('unknown group')
    // We build atomic groups from capturing groups, which would shift the numbers.
    if (this.source.includes('?>') || /[*+?}]\+/.test(this.source)) throw this.refused('numbered and atomic groups')
    return `(?:\\${number})`
  }

  private charClass(): string {
    const negated = this.next('^')
    let out = ''
    // A bracket right after the opening one is an ordinary character.
    if (this.next(']')) out += '\\]'
    while (!this.next(']')) {
      if (this.pos >= this.chars.length) throw this.refused('unterminated character set')
      const [posix, name] = /^\[:(\w+):\]/.exec(this.rest()) ?? []
      if (posix !== undefined && name !== undefined && posixClasses[name] !== undefined) {
        this.pos += posix.length
        out += posixClasses[name]
        continue
      }
      const char = this.chars[this.pos++]
      if (char === '\\') out += this.classEscape()
      else if (char === '-') out += this.isRange(out) ? '-' : '\\-'
      else out += quotedInClass(char)
    }
    return out === '' ? (negated ? '[\\s\\S]' : '[]') : `[${negated ? '^' : ''}${out}]`
  }

  private classEscape(): string {
    const char = this.chars[this.pos++]
    if (char === 'b') return '\\x08'
    return this.escapedChar(char, (inner, negated) => (negated ? this.complementOf(char) : inner))
  }

  /** Whether a "-" in a class stands between two characters. */
  private isRange(before: string): boolean {
    return before !== '' && !/\\[pP]\{[^}]*\}$/.test(before) && this.chars[this.pos] !== ']'
  }

  private classOf(letter: string): string {
    if (letter === 's') return this.flags.ascii ? '\\t-\\r ' : SPACE
    if (letter === 'd') return this.flags.ascii ? '0-9' : regexDigits.classText
    return this.flags.ascii ? 'A-Za-z0-9_' : wordChars.classText
  }

  private word(): string {
    return `[${this.classOf('w')}]`
  }

  private complementOf(letter: string): string {
    if (letter === 'W' && !this.flags.ascii) return wordChars.complementText
    if (letter === 'D' && !this.flags.ascii) return regexDigits.complementText
    throw this.refused(`\\${letter} in a character set`)
  }

  private setFlags(letters: string): void {
    for (const letter of letters) this.setFlag(letter, true)
  }

  private setFlag(letter: string, on: boolean): void {
    const name = ({ i: 'ignoreCase', m: 'multiline', s: 'dotAll', x: 'verbose', a: 'ascii' } as const)[letter as 'i']
    if (name !== undefined) this.flags[name] = on
    else if (letter === 'L' || letter === 'f' || letter === 'w' || letter === '1') throw this.refused(`flag ${letter}`)
  }

  private next(text: string): boolean {
    if (!this.rest().startsWith(text)) return false
    this.pos += text.length
    return true
  }

  private until(char: string): string {
    const start = this.pos
    while (this.pos < this.chars.length && this.chars[this.pos] !== char) this.pos++
    const text = this.chars.slice(start, this.pos).join('')
    if (!this.next(char)) throw this.refused(`missing ${char}`)
    return text
  }

  private rest(): string {
    return this.chars.slice(this.pos).join('')
  }

  private refused(what: string): ModelError {
    return new ModelError('error', `Cannot translate pattern "${this.source}": ${what} at position ${this.pos}`)
  }
}

const regexDigits = new CharSet(unicodeTables.regexDigit)

function quoted(char: string): string {
  return /[\^$\\.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char
}

/** Like quoted(), but for use inside or outside of a class: outside, "-" must not be escaped. */
function quotedInClass(char: string): string {
  return char === '-' ? '\\u002d' : quoted(char)
}

import { strip } from './text.js'

const SPACE = ' \t'
const FOLDING_SPACE = ' \t\r\n'
const SPECIALS = '()<>@,:;."[]'
const ATOM_ENDS = SPECIALS + FOLDING_SPACE
/** RFC 2822 also accepts dots in phrases, for old mail. */
const PHRASE_ENDS = ATOM_ENDS.replace('.', '')

export interface MailAddress {
  readonly name: string
  readonly address: string
}

/** The first address of a mail header's field as Python's `email.utils.parseaddr` (3.7) finds it; empty when there is none. */
export function parseAddress(field: string): MailAddress {
  return new Parser(field).first()
}

/** Walks over the field. Every method starts where the one before it stopped. */
class Parser {
  private readonly field: string
  private pos = 0
  private comments: string[] = []

  constructor(field: string) {
    this.field = field
  }

  first(): MailAddress {
    if (this.atEnd) return { name: '', address: '' }
    return this.addresses()[0] ?? { name: '', address: '' }
  }

  /** One address, or those of a group. */
  private addresses(): MailAddress[] {
    this.comments = []
    this.skipSpace()
    const start = this.pos
    const comments = this.comments
    const phrases = this.phrases()
    this.skipSpace()
    const found = this.behindPhrases(phrases, start, comments)
    this.skipSpace()
    if (this.char === ',') this.pos++
    return found
  }

  private behindPhrases(phrases: string[], start: number, comments: string[]): MailAddress[] {
    const char = this.char
    if (char === '.' || char === '@') {
      // A bare address: start over and parse it as one.
      this.pos = start
      this.comments = comments
      const address = this.addrSpec()
      return [{ name: this.comments.join(' '), address }]
    }
    if (char === ':') return this.group()
    if (char === '<') return [this.route(phrases)]
    if (phrases.length > 0) return [{ name: this.comments.join(' '), address: phrases[0] }]
    if (char !== '' && SPECIALS.includes(char)) this.pos++
    return []
  }

  private group(): MailAddress[] {
    const found: MailAddress[] = []
    this.pos++
    while (!this.atEnd) {
      this.skipSpace()
      if (this.char === ';') {
        this.pos++
        break
      }
      found.push(...this.addresses())
    }
    return found
  }

  private route(phrases: string[]): MailAddress {
    const address = this.routeAddress()
    const name = phrases.join(' ')
    return { name: this.comments.length > 0 ? `${name} (${this.comments.join(' ')})` : name, address }
  }

  /** What is between "<" and ">", without the route. */
  private routeAddress(): string {
    let isRoute = false
    this.pos++
    this.skipSpace()
    while (!this.atEnd) {
      if (isRoute) {
        this.domain()
        isRoute = false
      } else if (this.char === '>') {
        this.pos++
        break
      } else if (this.char === '@') {
        this.pos++
        isRoute = true
      } else if (this.char === ':') this.pos++
      else {
        const address = this.addrSpec()
        this.pos++
        return address
      }
      this.skipSpace()
    }
    return ''
  }

  private addrSpec(): string {
    const parts: string[] = []
    const dropSpace = () => {
      if (parts.length > 0 && strip(parts[parts.length - 1]) === '') parts.pop()
    }
    this.skipSpace()
    while (!this.atEnd) {
      let keepsSpace = true
      if (this.char === '.') {
        dropSpace()
        parts.push('.')
        this.pos++
        keepsSpace = false
      } else if (this.char === '"') {
        parts.push(`"${this.quoted().replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`)
      } else if (ATOM_ENDS.includes(this.char)) {
        dropSpace()
        break
      } else parts.push(this.atom(ATOM_ENDS))
      const space = this.skipSpace()
      if (keepsSpace && space !== '') parts.push(space)
    }
    if (this.char !== '@') return parts.join('')
    this.pos++
    this.skipSpace()
    const domain = this.domain()
    return domain === '' ? '' : `${parts.join('')}@${domain}`
  }

  private domain(): string {
    let domain = ''
    while (!this.atEnd) {
      if (SPACE.includes(this.char)) this.pos++
      else if (this.char === '(') this.comments.push(this.comment())
      else if (this.char === '[') domain += `[${this.delimited(']\r', false)}]`
      else if (this.char === '.') {
        this.pos++
        domain += '.'
      } else if (this.char === '@') return ''
      else if (ATOM_ENDS.includes(this.char)) break
      else domain += this.atom(ATOM_ENDS)
    }
    return domain
  }

  private phrases(): string[] {
    const phrases: string[] = []
    while (!this.atEnd) {
      if (FOLDING_SPACE.includes(this.char)) this.pos++
      else if (this.char === '"') phrases.push(this.quoted())
      else if (this.char === '(') this.comments.push(this.comment())
      else if (PHRASE_ENDS.includes(this.char)) break
      else phrases.push(this.atom(PHRASE_ENDS))
    }
    return phrases
  }

  private atom(ends: string): string {
    const start = this.pos
    while (!this.atEnd && !ends.includes(this.char)) this.pos++
    return this.field.slice(start, this.pos)
  }

  private quoted(): string {
    return this.delimited('"\r', false)
  }

  private comment(): string {
    return this.delimited(')\r', true)
  }

  /** The text from here up to one of `ends`; a backslash makes the next character literal. */
  private delimited(ends: string, hasComments: boolean): string {
    let out = ''
    this.pos++
    let isEscaped = false
    while (!this.atEnd) {
      const char = this.char
      if (isEscaped) isEscaped = false
      else if (ends.includes(char)) {
        this.pos++
        break
      } else if (hasComments && char === '(') {
        out += this.comment()
        continue
      } else if (char === '\\') {
        isEscaped = true
        this.pos++
        continue
      }
      out += char
      this.pos++
    }
    return out
  }

  /** Skips white space and returns it without line ends; collects the comments in it. */
  private skipSpace(): string {
    let space = ''
    while (!this.atEnd) {
      if (FOLDING_SPACE.includes(this.char)) {
        if (SPACE.includes(this.char)) space += this.char
        this.pos++
      } else if (this.char === '(') this.comments.push(this.comment())
      else break
    }
    return space
  }

  private get atEnd(): boolean {
    return this.pos >= this.field.length
  }

  /** The character here; '' at the end. */
  private get char(): string {
    return this.field[this.pos] ?? ''
  }
}

import { Writable } from 'node:stream'

interface Row {
  text: string
  /** Whether the next row continues with it. */
  isWrapped: boolean
}

/** A terminal as wide as it is told, which breaks long lines again when its width changes, as tmux and most others do. */
export class FakeTerminal extends Writable {
  private readonly all: Row[] = [{ text: '', isWrapped: false }]
  private row = 0
  private column = 0
  private wraps = true
  isCursorShown = true

  constructor(
    public columns: number,
    public rows = 1000,
  ) {
    super({ decodeStrings: false })
  }

  getWindowSize(): [number, number] {
    return [this.columns, this.rows]
  }

  /** What is on it, broken lines put together. */
  get lines(): string[] {
    return this.joined().map(({ text }) => text)
  }

  resize(columns: number): void {
    const joined = this.joined()
    const at = joined.findIndex(({ first, last }) => this.row >= first && this.row <= last)
    const before = this.row - joined[at].first
    this.all.length = 0
    for (const [index, { text }] of joined.entries()) {
      if (index === at) this.row = this.all.length + Math.floor((before * this.columns) / columns)
      for (let from = 0; from === 0 || from < text.length; from += columns) {
        this.all.push({ text: text.slice(from, from + columns), isWrapped: from + columns < text.length })
      }
    }
    this.columns = columns
  }

  override _write(chunk: string, _: unknown, done: () => void): void {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what a terminal acts on
    for (const [part] of chunk.matchAll(/\x1b\[([?\d]*)([A-Za-z])|\r|\n|[^\x1b\r\n]/gu)) this.take(part)
    done()
  }

  private take(part: string): void {
    if (part === '\r') this.column = 0
    else if (part === '\n') this.down()
    else if (part.startsWith('\x1b[')) this.control(part.slice(2))
    else this.put(part)
  }

  private control(code: string): void {
    if (code === '?7h' || code === '?7l') this.wraps = code === '?7h'
    else if (code === '2K') this.all[this.row] = { text: '', isWrapped: false }
    else if (code === 'J') {
      this.all[this.row] = { text: this.all[this.row].text.slice(0, this.column), isWrapped: false }
      this.all.length = this.row + 1
    } else if (code.endsWith('A')) this.row = Math.max(0, this.row - Number(code.slice(0, -1)))
    else if (code === '?25h' || code === '?25l') this.isCursorShown = code === '?25h'
    // Colors take no room.
    else if (!code.endsWith('m')) throw new Error(`unknown control sequence ${code}`)
  }

  private put(char: string): void {
    if (this.column === this.columns) {
      if (!this.wraps) this.column--
      else {
        this.all[this.row].isWrapped = true
        this.down()
      }
    }
    const { text } = this.all[this.row]
    this.all[this.row].text = text.slice(0, this.column).padEnd(this.column) + char + text.slice(this.column + 1)
    this.column++
  }

  private down(): void {
    this.column = 0
    this.row++
    if (this.row === this.all.length) this.all.push({ text: '', isWrapped: false })
  }

  private joined(): { text: string; first: number; last: number }[] {
    const lines: { text: string; first: number; last: number }[] = []
    let goesOn = false
    for (const [index, { text, isWrapped }] of this.all.entries()) {
      const line = lines[lines.length - 1]
      if (goesOn) Object.assign(line, { text: line.text + text, last: index })
      else lines.push({ text, first: index, last: index })
      goesOn = isWrapped
    }
    return lines
  }
}

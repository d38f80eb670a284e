/** What a terminal has where it does not say. */
const [USUAL_COLUMNS, USUAL_ROWS] = [80, 24]
const [HIDE_CURSOR, SHOW_CURSOR] = ['\x1b[?25l', '\x1b[?25h']
/** Lines of ours are cut to fit; should the terminal be narrower by now, it cuts them as well. */
const [WRAP_OFF, WRAP_ON] = ['\x1b[?7l', '\x1b[?7h']
const [ERASE_LINE, ERASE_BELOW] = ['\x1b[2K', '\x1b[J']

/** A stream that may be a terminal. */
export type Screen = NodeJS.WritableStream & {
  readonly columns?: number
  readonly rows?: number
  getWindowSize?(): [columns: number, rows: number]
}

/** Lines at the end of a terminal that are drawn again each time, and others that are printed above them and stay. */
export class LiveLines {
  /** Lengths of the lines on the screen. */
  private shown: number[] = []

  constructor(private readonly out: Screen) {}

  /** Of the terminal as it is now: the event for a change of its size may not have come yet. */
  get size(): { columns: number; rows: number } {
    const { columns = USUAL_COLUMNS, rows = USUAL_ROWS } = this.out
    const [nowColumns, nowRows] = this.out.getWindowSize?.() ?? [columns, rows]
    return { columns: nowColumns || USUAL_COLUMNS, rows: nowRows || USUAL_ROWS }
  }

  /** Draws lines instead of those drawn before; none may be as long as the terminal is wide. */
  draw(lines: readonly string[]): void {
    this.out.write(this.start() + this.block(lines))
  }

  /** Prints whole text, which ends in a line feed, above the lines. */
  print(text: string, lines: readonly string[]): void {
    // In one piece: nothing of another process comes between.
    this.out.write(`${this.start()}${ERASE_BELOW}${WRAP_ON}${text}${this.block(lines)}`)
  }

  /** Takes the lines off the screen. */
  clear(): void {
    if (this.shown.length === 0) return
    this.out.write(`${this.start()}${ERASE_BELOW}${SHOW_CURSOR}`)
    this.shown = []
  }

  private block(lines: readonly string[]): string {
    this.shown = lines.map((line) => line.length)
    // Erased as a whole, a line forgets that it was broken: tmux would join it with the next one in a wider window.
    const drawn = lines.map((line) => `${ERASE_LINE}${line}\n`).join('')
    // Without lines there is nothing that the cursor could be in the way of, and perhaps nobody who shows it again.
    return `${WRAP_OFF}${lines.length > 0 ? HIDE_CURSOR : SHOW_CURSOR}${drawn}${ERASE_BELOW}${WRAP_ON}`
  }

  /** Goes to where the lines begin: a terminal that has become narrower has broken those that were too long for it. */
  private start(): string {
    if (this.shown.length === 0) return ''
    const { columns, rows } = this.size
    const height = this.shown.reduce((sum, length) => sum + Math.max(1, Math.ceil(length / columns)), 0)
    return `\r\x1b[${Math.min(height, rows)}A`
  }
}

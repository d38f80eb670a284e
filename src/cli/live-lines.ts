/** The terminal's size if it does not say. */
const [USUAL_COLUMNS, USUAL_ROWS] = [80, 24]
const [HIDE_CURSOR, SHOW_CURSOR] = ['\x1b[?25l', '\x1b[?25h']
/** We cut our lines to fit. If the terminal has become narrower by now, it cuts them too. */
const [WRAP_OFF, WRAP_ON] = ['\x1b[?7l', '\x1b[?7h']
const [ERASE_LINE, ERASE_BELOW] = ['\x1b[2K', '\x1b[J']

/** A stream that may be a terminal. */
export type Screen = NodeJS.WritableStream & {
  readonly columns?: number
  readonly rows?: number
  getWindowSize?(): [columns: number, rows: number]
}

/** Lines at the end of a terminal that are redrawn each time, with other lines printed above them that stay. */
export class LiveLines {
  /** Lengths of the lines on the screen. */
  private shown: number[] = []

  constructor(private readonly out: Screen) {}

  /** The current size: the event for a change may not have come yet. */
  get size(): { columns: number; rows: number } {
    const { columns = USUAL_COLUMNS, rows = USUAL_ROWS } = this.out
    const [nowColumns, nowRows] = this.out.getWindowSize?.() ?? [columns, rows]
    return { columns: nowColumns || USUAL_COLUMNS, rows: nowRows || USUAL_ROWS }
  }

  /** Replaces the lines drawn before. Each must be shorter than the terminal's width. */
  draw(lines: readonly string[]): void {
    this.out.write(this.start() + this.block(lines))
  }

  /** Prints text that ends in a line feed above the lines. */
  print(text: string, lines: readonly string[]): void {
    // A single write, so that no other process writes in between.
    this.out.write(`${this.start()}${ERASE_BELOW}${WRAP_ON}${text}${this.block(lines)}`)
  }

  /** Removes the lines from the screen. */
  clear(): void {
    if (this.shown.length === 0) return
    this.out.write(`${this.start()}${ERASE_BELOW}${SHOW_CURSOR}`)
    this.shown = []
  }

  private block(lines: readonly string[]): string {
    this.shown = lines.map((line) => line.length)
    // Erasing a whole line makes tmux forget that it was wrapped. Otherwise tmux would join it with the next one in a
    // wider window.
    const drawn = lines.map((line) => `${ERASE_LINE}${line}\n`).join('')
    // Without lines the cursor is not in the way, and maybe nobody would show it again.
    return `${WRAP_OFF}${lines.length > 0 ? HIDE_CURSOR : SHOW_CURSOR}${drawn}${ERASE_BELOW}${WRAP_ON}`
  }

  /** Moves to where the lines begin. A terminal that became narrower has wrapped lines that were too long. */
  private start(): string {
    if (this.shown.length === 0) return ''
    const { columns, rows } = this.size
    const height = this.shown.reduce((sum, length) => sum + Math.max(1, Math.ceil(length / columns)), 0)
    return `\r\x1b[${Math.min(height, rows)}A`
  }
}

type Paint = (text: string) => string

/** How parts of a text are set off. */
export interface Style {
  readonly bold: Paint
  readonly dim: Paint
  readonly red: Paint
  readonly yellow: Paint
  readonly green: Paint
}

/** SGR parameters that begin and end a style. */
const CODES = { bold: [1, 22], dim: [2, 22], red: [31, 39], yellow: [33, 39], green: [32, 39] } as const

/**
 * Colours for a stream that goes to a terminal, and none for any other, after https://no-color.org: `NO_COLOR` and
 * `TERM=dumb` switch them off, `FORCE_COLOR` on.
 */
export function styleOf(stream: { readonly isTTY?: boolean }, env = process.env): Style {
  const paint = isColoured(stream, env) ? coloured : plain
  return {
    bold: paint('bold'),
    dim: paint('dim'),
    red: paint('red'),
    yellow: paint('yellow'),
    green: paint('green'),
  }
}

function isColoured(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '') return env.FORCE_COLOR !== '0'
  return stream.isTTY === true && env.TERM !== 'dumb'
}

function coloured(name: keyof typeof CODES): Paint {
  const [on, off] = CODES[name]
  return (text) => `\x1b[${on}m${text}\x1b[${off}m`
}

function plain(): Paint {
  return (text) => text
}

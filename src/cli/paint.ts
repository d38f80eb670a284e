import { styleText } from 'node:util'

/** Highlights a text, as in `paint('red', text)`. */
export type Paint = (format: 'bold' | 'dim' | 'red' | 'yellow' | 'green', text: string) => string

/** Colors if the stream is a terminal; `NO_COLOR` and `FORCE_COLOR` override that. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  return (format, text) => styleText(format, text, { stream })
}

import { styleText } from 'node:util'

/** Sets off a text, as with `paint('red', text)`. */
export type Paint = (format: 'bold' | 'dim' | 'red' | 'yellow' | 'green', text: string) => string

/** Colors for a stream that goes to a terminal, and none for any other; `NO_COLOR` and `FORCE_COLOR` say otherwise. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  return (format, text) => styleText(format, text, { stream })
}

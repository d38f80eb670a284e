import { parse } from 'yaml'

/** YAML with all scalars as text, so that they can be parsed like command line arguments. */
export function plainYaml(text: string): unknown {
  return parse(text, { schema: 'failsafe', prettyErrors: false }) as unknown
}

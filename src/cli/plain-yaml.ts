import { parse } from 'yaml'

/** YAML whose scalars are all texts, to be read as those of a command line are. */
export function plainYaml(text: string): unknown {
  return parse(text, { schema: 'failsafe', prettyErrors: false }) as unknown
}

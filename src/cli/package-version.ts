import { readFileSync } from 'node:fs'

/** The version of this package, as `1.2.3`. */
export function packageVersion(): string {
  // Three levels up from dist/src/cli or dist/src/bundle.
  const path = new URL('../../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}

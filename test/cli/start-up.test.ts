import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const BUNDLE = join('dist', 'src', 'bundle')

test('no program loads YAML, its schemas or a binding before it knows what is asked of it', () => {
  for (const program of ['migrate_020', 'sync_020', 'synapse-migrator']) {
    const texts = loadedWith(join(BUNDLE, `${program}.js`))
    const packages = new Set([...texts.join('\n').matchAll(/^\/\/ node_modules\/([^/\n]+)/gm)].map(([, name]) => name))
    assert.deepEqual([...packages], ['commander'], program)
    assert.doesNotMatch(texts.join('\n'), /^import .* from "(lmdb|piscina)"/m)
  }
})

/** A file of the bundle, and all that it imports at once. */
function loadedWith(entry: string): string[] {
  const texts = new Map<string, string>()
  const load = (path: string) => {
    if (texts.has(path)) return
    const text = readFileSync(path, 'utf8')
    texts.set(path, text)
    for (const [, found] of text.matchAll(/^(?:import|export) ?(?:\{[^}]*\} from )?"(\.[^"]+)"/gm)) {
      load(join(dirname(path), found))
    }
  }
  load(entry)
  return [...texts.values()]
}

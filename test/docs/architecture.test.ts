import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { test } from 'node:test'

const FOLDERS = ['', 'src/', 'src/layout/', 'src/migrate/', 'src/cli/']

test('ARCHITECTURE.md names files and folders that are there', () => {
  const text = readFileSync('ARCHITECTURE.md', 'utf8')
  const drawings = [...text.matchAll(/```\n(.*?)```/gs)].flatMap(([, drawing]) => [
    ...drawing.matchAll(/(?<![\w./-])(?:[a-z]+\/)+[a-z0-9-]+(?![\w./-])/g),
  ])
  const quoted = [...text.matchAll(/`([\w/.-]+)`/g)].filter(([, name]) => /^[a-z-]+\/(?!.*\.lmdb$)|\.ts$/.test(name))
  const names = [...drawings.map(([name]) => name), ...quoted.map(([, name]) => name)]
  assert.ok(names.length > 90, `only ${names.length} names were found`)
  const files = new Set(readdirSync('src', { recursive: true, encoding: 'utf8' }).map((path) => basename(path)))
  const isThere = (name: string) =>
    files.has(name) || FOLDERS.some((folder) => ['', '.ts'].some((end) => existsSync(folder + name + end)))
  assert.deepEqual(
    names.filter((name) => !isThere(name)),
    [],
  )
})

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { CHECKS } from '../../src/preflight/checks.js'

test('every file of preflight/checks is among the checks that run', () => {
  const dir = new URL('../../src/preflight/checks/', import.meta.url)
  const files = readdirSync(dir).filter((name) => name.endsWith('.js'))
  const names = files.map((name) => name.slice(0, -3).replace(/-(.)/g, (_, char: string) => char.toUpperCase()))
  assert.deepEqual(Object.keys(CHECKS).sort(), names.sort())
})

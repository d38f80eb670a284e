import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { migrate, startPython, tempDir, unpack } from '../support/cortex.js'
import { dumpCortex } from '../support/dump.js'

test('migrate_020 takes one state of a Cortex that goes on adding nodes, its nodes not behind its splices', async (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  const cortex = await startPython('01x', 'busy_cortex.py', src)
  const files = () => readdirSync(src, { recursive: true }).sort()
  const before = files()
  const { status, stdout, stderr } = migrate('--src', src, '--dest', dest)
  const after = files()
  const [added, found] = (await cortex.end()).split(' ').map(Number)
  assert.equal(status, 8, stderr)
  assert.match(stdout + stderr, /The source Cortex is running/)
  assert.deepEqual(after, before)
  assert.equal(found, added)

  const lines = dumpCortex(dest)
  const nodes = numbers(lines, /\tbybuid\t\["\w{64}","ndef",.*"busy (\d+)"/)
  const edits = numbers(lines, /\/nodeedits\.lmdb\tnodeedits\t.*\[0,\["busy (\d+)",/)
  assert.ok(edits.length >= 50 && nodes.length < added)
  // Each a beginning of what was added: no node is left out between two others.
  assert.deepEqual(nodes, [...nodes.keys()])
  assert.deepEqual(edits, [...edits.keys()])
  // A later sync goes on where the splices end: nodes that are behind would never come.
  assert.ok(nodes.length >= edits.length, `${nodes.length} nodes, ${edits.length} of them in the edit log`)
})

/** The numbers that lines name, sorted. */
function numbers(lines: readonly string[], pattern: RegExp): number[] {
  const found = lines.flatMap((line) => pattern.exec(line)?.[1] ?? [])
  return found.map(Number).sort((a, b) => a - b)
}

import assert from 'node:assert/strict'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { compareDumps, report, withoutCheckpoints } from '../support/compare.js'
import { migrate, tempDir, unpack } from '../support/cortex.js'
import { dumpCortex } from '../support/dump.js'

const OPS = 'dirn dmodel cell hivelyr triggers cron hiveauth hivestor queues nodes nodedata splices'.split(' ')

function same(dest: string, expected: string[], what: string): void {
  const { unexplained } = compareDumps(withoutCheckpoints(dumpCortex(dest)), withoutCheckpoints(expected))
  assert.equal(unexplained.length, 0, `${what}: ${report(unexplained)}`)
}

/** A source and what a run makes of it; made once. */
const made = (() => {
  const dir = tempDir({ after })
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  migrate('--src', src, '--dest', dest)
  return { src, dest, expected: dumpCortex(dest) }
})()

test('migrate_020 gives the same result again: run twice, and after --nodelim', (t) => {
  const { src, dest, expected } = made
  assert.equal(migrate('--src', src, '--dest', dest, '--restart').status, 8)
  same(dest, expected, 'run twice')
  const limited = join(tempDir(t), 'limited')
  migrate('--src', src, '--dest', limited, '--nodelim', '50')
  assert.ok(dumpCortex(limited).length < expected.length)
  migrate('--src', src, '--dest', limited, '--from-last')
  same(limited, expected, 'resumed after --nodelim')
})

test('migrate_020 --migr-ops: one step after the other gives the result of a whole run', (t) => {
  const dest = join(tempDir(t), 'steps')
  for (const op of OPS) {
    const { status, stderr } = migrate('--src', made.src, '--dest', dest, '--migr-ops', op)
    assert.ok(status === 0 || status === 8, `${op}: ${stderr}`)
  }
  same(dest, made.expected, 'one step after the other')
})

test('migrate_020 makes a destination of the reference again with --restart only, and keeps none of its errors', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/oldform/src.tar.gz', join(dir, 'src'))
  const dest = join(unpack('reference/oldform.tar.gz', dir), 'dest')
  const before = dumpCortex(dest)
  const { status, stderr } = migrate('--src', src, '--dest', dest)
  assert.equal(status, 4, stderr)
  assert.match(stderr, /another tool has migrated layer/)
  same(dest, before, 'refused')
  const fresh = join(dir, 'fresh')
  migrate('--src', src, '--dest', fresh)
  assert.equal(migrate('--src', src, '--dest', dest, '--restart').status, 8)
  same(dest, dumpCortex(fresh), 'made again')
  assert.ok(!existsSync(join(dest, 'migration', 'splices')))
})

test('migrate_020 leaves the source as it is, byte for byte, and makes no file in it', (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const state = () => {
    const files = readdirSync(src, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    return files.map((entry) => {
      const path = join(entry.parentPath, entry.name)
      const { size, mtimeMs } = statSync(path)
      return [path, size, mtimeMs]
    })
  }
  const before = [state(), dumpCortex(src)]
  migrate('--src', src, '--dest', join(dir, 'dest'))
  assert.deepEqual([state(), dumpCortex(src)], before)
})

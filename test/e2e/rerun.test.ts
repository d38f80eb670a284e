import assert from 'node:assert/strict'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { compareDumps, report, withoutCheckpoints } from '../support/compare.js'
import { migrate, tempDir, unpack } from '../support/cortex.js'
import { dumpCortex } from '../support/dump.js'

const OPS = 'dirn dmodel cell hivelyr triggers cron hiveauth hivestor queues nodes nodedata splices'.split(' ')

function same(dest: string, expected: string[], what: string): void {
  const { unexplained } = compareDumps(withoutCheckpoints(dumpCortex(dest)), withoutCheckpoints(expected))
  assert.equal(unexplained.length, 0, `${what}: ${report(unexplained)}`)
}

test('migrate_020 gives the same result again: run twice, after --nodelim, with any number of workers', (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const first = join(dir, 'first')
  migrate('--src', src, '--dest', first, '--workers', '1')
  const expected = dumpCortex(first)
  assert.equal(migrate('--src', src, '--dest', first, '--restart').status, 8)
  same(first, expected, 'run twice')
  for (const workers of ['2', '4']) {
    const dest = join(dir, `workers-${workers}`)
    migrate('--src', src, '--dest', dest, '--workers', workers)
    same(dest, expected, `${workers} workers`)
  }
  const limited = join(dir, 'limited')
  migrate('--src', src, '--dest', limited, '--nodelim', '50')
  assert.ok(dumpCortex(limited).length < expected.length)
  migrate('--src', src, '--dest', limited, '--from-last')
  same(limited, expected, 'resumed after --nodelim')
})

test('migrate_020 --migr-ops: one step after the other gives the result of a whole run', (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const whole = join(dir, 'whole')
  migrate('--src', src, '--dest', whole)
  const dest = join(dir, 'steps')
  for (const op of OPS) {
    const { status, stderr } = migrate('--src', src, '--dest', dest, '--migr-ops', op)
    assert.ok(status === 0 || status === 8, `${op}: ${stderr}`)
  }
  same(dest, dumpCortex(whole), 'one step after the other')
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

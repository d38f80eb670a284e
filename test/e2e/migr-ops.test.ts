import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { SlabReader } from '../../src/page/page-reader.js'
import { compareDumps, report, withoutCheckpoints } from '../support/compare.js'
import { copyCortex, migrate, synapseMigrator, tempDir, unpack } from '../support/cortex.js'
import { dumpCortex } from '../support/dump.js'

const LAYER = 'da202ae99a55194da2d4b96eb84a754b'
const CELL = 'dirn cell dmodel hivelyr triggers cron hiveauth queues'.split(' ')

/** A source and its finished destination; made once. */
const made = (() => {
  const dir = tempDir({ after })
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  assert.equal(migrate('--src', src, '--dest', dest, '--workers', '1').status, 0)
  return { src, dest, dump: dumpCortex(dest) }
})()

/** Rows of nodes, node data and history after a run of some steps: on a new destination, and on a finished one. */
const TABLE: readonly {
  readonly ops: readonly string[]
  readonly fresh: readonly [nodes: boolean, nodedata: boolean, splices: boolean] | 4
}[] = [
  { ops: CELL, fresh: [false, false, false] },
  { ops: [...CELL, 'nodes'], fresh: [true, false, false] },
  { ops: [...CELL, 'splices'], fresh: [false, false, true] },
  { ops: [...CELL, 'nodes', 'nodedata'], fresh: [true, true, false] },
  { ops: [...CELL, 'nodedata'], fresh: 4 },
]

for (const { ops, fresh } of TABLE) {
  test(`--migr-ops ${ops.slice(CELL.length).join(' ') || 'of the cell'}: a new destination has what was asked for and empty slabs, a finished one keeps everything`, (t) => {
    const dir = tempDir(t)
    const dest = join(dir, 'fresh')
    const { status, stderr } = migrate('--src', made.src, '--dest', dest, '--workers', '1', '--migr-ops', ...ops)
    if (fresh === 4) {
      assert.equal(status, 4, stderr)
      assert.match(
        stderr,
        /Cannot migrate the node data of layer \w{32}: its nodes have not been migrated\nhint: Add the step nodes/,
      )
    } else {
      assert.equal(status, 0, stderr)
      const there = [
        rows(dest, 'layer_v2', 'bybuid'),
        rows(dest, 'nodedata', 'nodedata'),
        rows(dest, 'nodeedits', 'nodeedits'),
      ]
      assert.deepEqual(
        there.map((count) => count > 0),
        fresh,
      )
      assert.equal(migrate('--src', made.src, '--dest', dest, '--form-counts').status, 0)
    }
    const finished = copyCortex(made.dest, join(dir, 'finished'))
    const again = migrate('--src', made.src, '--dest', finished, '--workers', '1', '--restart', '--migr-ops', ...ops)
    assert.equal(again.status, 0, again.stderr)
    const { unexplained } = compareDumps(withoutCheckpoints(dumpCortex(finished)), withoutCheckpoints(made.dump))
    assert.equal(unexplained.length, 0, report(unexplained))
  })
}

test('--migr-ops nodedata goes with nodes that are there only if source and options made them', (t) => {
  const dest = copyCortex(made.dest, join(tempDir(t), 'dest'))
  const args = ['--src', made.src, '--dest', dest, '--workers', '1', '--restart', '--migr-ops', 'nodedata']
  const { status, stderr } = migrate(...args, '--safety-off')
  assert.equal(status, 9)
  assert.match(stderr, /another source, model or other options made its nodes\nhint: Add the step nodes/)
  assert.deepEqual(dumpCortex(dest), made.dump)
  assert.equal(synapseMigrator(['verify', '--src', made.src, '--dest', dest]).status, 0)
})

test('docs/commands.md says what each step does to a new and to a finished destination', () => {
  const doc = readFileSync('docs/commands.md', 'utf8')
  for (const step of [...CELL, 'nodes', 'nodedata', 'splices', 'hivestor']) {
    assert.match(doc, new RegExp(`^\\| .*\`${step}\`.* \\| .* \\| .* \\|$`, 'm'), step)
  }
})

function rows(dest: string, slab: string, db: string): number {
  const reader = SlabReader.open(join(dest, 'layers', LAYER, `${slab}.lmdb`))
  try {
    return reader.db(db)?.entries ?? 0
  } finally {
    reader.close()
  }
}

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readCheckpoints } from '../../src/dest/checkpoints.js'
import { migrate, synapseMigrator, tempDir, unpack } from '../support/cortex.js'

const LAYER = 'da202ae99a55194da2d4b96eb84a754b'

test('checkpoint show lists steps and layers, checkpoint reset forgets them, and --from-last begins again', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  assert.equal(migrate('--src', src, '--dest', dest, '--workers', '1').status, 0)
  const { status, stdout } = synapseMigrator(['checkpoint', 'show', dest])
  assert.equal(status, 0)
  assert.deepEqual(stdout.split('\n'), [
    'step     layer                             state     parts   done',
    `nodes    ${LAYER}  finished  1 of 1    23`,
    `splices  ${LAYER}  finished  1 of 1   142`,
    'All that was started is finished',
    '',
  ])
  const json = JSON.parse(synapseMigrator(['checkpoint', 'show', dest, '--json']).stdout)
  assert.deepEqual(
    json.checkpoints.map((shown: { step: string; items: number; fingerprint: Record<string, unknown> }) => [
      shown.step,
      shown.items,
      shown.fingerprint.layer,
    ]),
    [
      ['nodes', 23, LAYER],
      ['splices', 142, LAYER],
    ],
  )
  const unasked = synapseMigrator(['checkpoint', 'reset', dest])
  assert.deepEqual(
    [unasked.status, unasked.stderr],
    [2, 'error: Cannot ask whether to go on: there is no terminal\nhint: give --yes\n'],
  )
  assert.equal(readCheckpoints(dest).size, 2)
  assert.equal(
    synapseMigrator(['checkpoint', 'reset', dest, '--yes', '--layer', 'nope']).stdout,
    'There is no checkpoint to forget\n',
  )
  assert.equal(synapseMigrator(['checkpoint', 'reset', dest, '--yes']).stdout, 'Forgot 2 checkpoints\n')
  assert.deepEqual([readCheckpoints(dest).size, existsSync(join(dest, 'migration', 'run.lock'))], [0, false])
  assert.equal(
    synapseMigrator(['checkpoint', 'show', dest]).stdout,
    'There is no checkpoint: a migration starts from the beginning\n',
  )
  const again = migrate('--src', src, '--dest', dest, '--workers', '1', '--from-last', '--verify')
  assert.equal(again.status, 0)
  assert.match(again.stderr, /no nodes log found for layer/)
})

test('checkpoint ends with 4 where a migration has left none, and with 2 on wrong arguments', (t) => {
  const dir = tempDir(t)
  const { status, stderr } = synapseMigrator(['checkpoint', 'show', dir])
  assert.deepEqual([status, stderr.split('\n')[0]], [4, `error: Cannot read checkpoints of "${dir}": there are none`])
  for (const args of [[], ['shwo', dir], ['show'], ['reset', dir, 'x']]) {
    assert.deepEqual([synapseMigrator(['checkpoint', ...args]).status, args], [2, args])
  }
  assert.match(
    synapseMigrator(['help', 'checkpoint']).stdout,
    /^Usage: synapse-migrator checkpoint [\s\S]*reset <dest>/,
  )
})

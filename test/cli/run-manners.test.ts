import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { fixture, migrate, tempDir, unpack } from '../support/cortex.js'
import { layerDigests } from '../support/row-digest.js'

const BIN = join(fixture('..'), '..', 'bin', 'migrate_020.mjs')

test('hooks run after the end, know how it was, and do not change the exit code', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/normerror/src.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  const said = join(dir, 'said')
  // The destination is free by then: another command may take it.
  const lock = join(dest, 'migration', 'run.lock')
  const tell = (word: string) =>
    `echo ${word} $SYN_MIGRATE_EXIT_CODE $SYN_MIGRATE_STATUS $SYN_MIGRATE_DEST $SYN_MIGRATE_REPORT >>'${said}'; test ! -e '${lock}'`
  const hooks = ['--on-success', tell('good'), '--on-failure', `${tell('bad')} && echo printed && exit 5`]
  const failed = migrate('--src', src, '--dest', dest, '--workers', '1', ...hooks)
  assert.equal(failed.status, 8)
  assert.match(failed.stderr, /^printed$/m)
  assert.match(failed.stderr, /\[WARNING\] The command of --on-failure failed: exit code 5/)
  assert.match(failed.stdout, /^Migrated /)
  const page = join(dest, 'migration', 'report.html')
  assert.equal(readFileSync(said, 'utf8'), `bad 8 incomplete ${dest} ${page}\n`)
  assert.ok(existsSync(page))
  writeFileSync(said, '')
  assert.equal(migrate('--src', src, '--dest', dest, '--restart', '--accept-errors', 'all', ...hooks).status, 0)
  assert.equal(readFileSync(said, 'utf8'), `good 0 complete ${dest} ${page}\n`)
  writeFileSync(said, '')
  // A refused run has failed, too, and leaves the report as it is.
  const refused = migrate('--src', src, '--dest', dest, ...hooks)
  assert.deepEqual([refused.status, readFileSync(said, 'utf8')], [4, `bad 4 failed ${dest}\n`])
  assert.match(refused.stderr, /^error: [\s\S]*^printed$/m)
})

test('a signal during a hook ends the hook, and the run keeps its exit code and says nothing of going on', async (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  const begun = join(dir, 'begun')
  const hook = `echo $$ >'${begun}'; exec sleep 600`
  const args = [BIN, '--src', src, '--dest', dest, '--workers', '1', '--on-success', hook]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  let said = ''
  child.stderr.on('data', (text) => {
    said += text
  })
  const ended = new Promise((resolve) => child.on('exit', (code) => resolve(code)))
  while (!existsSync(begun) || readFileSync(begun, 'utf8') === '') await wait(20)
  child.kill('SIGTERM')
  assert.equal(await ended, 0, said)
  assert.match(said, /\[WARNING\] The command of --on-success failed: SIGTERM/)
  assert.doesNotMatch(said, /--from-last/)
  assert.throws(() => process.kill(Number(readFileSync(begun, 'utf8')), 0), { code: 'ESRCH' })
})

test('--max-disk holds back all pages and runs, and changes nothing of the result', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/normerror/src.tar.gz', join(dir, 'src'))
  const run = (name: string, ...args: string[]) => {
    const dest = join(dir, name)
    const { status, stderr } = migrate('--src', src, '--dest', dest, '--workers', '2', '-v', ...args)
    assert.equal(status, 8, stderr)
    return { dest, stderr }
  }
  const free = run('free')
  const slow = run('slow', '--max-disk', '2.5', '--page-cache')
  assert.deepEqual(layerDigests(slow.dest), layerDigests(free.dest))
  assert.doesNotMatch(free.stderr, /--max-disk/)
  const [, bytes] = /--max-disk 2\.5 has let ([\d,]+) bytes through/.exec(slow.stderr) ?? []
  const written = readdirSync(join(slow.dest, 'layers')).flatMap((iden) =>
    ['layer_v2', 'nodeedits'].map((slab) => join(slow.dest, 'layers', iden, `${slab}.lmdb`, 'data.mdb')),
  )
  const used = written.reduce((sum, path) => sum + 512 * statSync(path).blocks, 0)
  // Branch pages and holes aside, all of it was counted; runs come on top.
  assert.ok(Number(bytes.replaceAll(',', '')) > used / 2, `${bytes} of ${used}`)
  for (const rate of ['0', '-1', 'much'])
    assert.equal(migrate('--src', src, '--dest', dir, '--max-disk', rate).status, 2)
})

test('--nice is for all threads of the process', async (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const args = [BIN, '--src', src, '--dest', join(dir, 'dest'), '--nice', '7', '--json']
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = new Promise((resolve) => child.on('close', resolve))
  t.after(() => child.kill('SIGKILL'))
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (text) => {
      if (String(text).includes('"phase":"nodes"')) resolve()
    })
  })
  child.kill('SIGSTOP')
  const threads = readdirSync(`/proc/${child.pid}/task`).map(Number)
  const values = threads.map((thread) => getPriority(thread))
  assert.ok(threads.length > 4)
  assert.deepEqual(new Set(values), new Set([7]))
  child.kill('SIGKILL')
  await ended
  const refused = migrate('--src', src, '--dest', join(dir, 'other'), '--nice', '20')
  assert.equal(refused.status, 2)
})

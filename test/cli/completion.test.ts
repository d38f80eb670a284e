import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { commandFacts } from '../../src/cli/command-tree.js'
import { manPage } from '../../src/cli/man-page.js'
import { programs } from '../../src/cli/program.js'
import { synapseMigrator, tempDir } from '../support/cortex.js'

test('the bash script completes commands, options, values and directories of all programs', (t) => {
  const dir = tempDir(t)
  mkdirSync(join(dir, 'a cortex'))
  writeFileSync(join(dir, 'a file'), '')
  const { status, stdout } = synapseMigrator(['completion', 'bash'])
  assert.equal(status, 0)
  writeFileSync(join(dir, 'script'), stdout)
  const complete = (...words: string[]) => {
    const lines = [
      'source ./script',
      // It is for an interactive shell only.
      'compopt() { :; }',
      `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})`,
      `COMP_CWORD=${words.length - 1}`,
      '_synapse_migrator',
      'for word in "$'.concat('{COMPREPLY[@]}"; do printf "%s\\n" "$word"; done'),
    ]
    const { stdout, stderr } = spawnSync('bash', ['-c', lines.join('\n')], { cwd: dir, encoding: 'utf8' })
    assert.equal(stderr, '')
    return stdout.split('\n').filter(Boolean)
  }
  assert.deepEqual(complete('synapse-migrator', 'ver'), ['verify'])
  assert.deepEqual(complete('synapse-migrator', 'checkpoint', ''), ['show', 'reset'])
  assert.deepEqual(complete('synapse-migrator', 'checkpoint', 'reset', '--l'), ['--layer'])
  assert.deepEqual(complete('/usr/bin/migrate_020', '--src-'), ['--src-dedicated'])
  assert.deepEqual(complete('migrate_020', '--src', 'a'), ['a cortex'])
  assert.deepEqual(complete('migrate_020', '--metrics-file', 'a').sort(), ['a cortex', 'a file'])
  assert.deepEqual(complete('migrate_020', '--log-level', 'D'), ['DEBUG'])
  assert.deepEqual(complete('synapse-migrator', 'migrate', '--migr-ops', 'node'), ['nodes', 'nodedata'])
  assert.deepEqual(complete('synapse-migrator', 'status', 'a'), ['a cortex'])
  assert.deepEqual(complete('synapse-migrator', 'completion', ''), ['bash', 'zsh', 'fish'])
  assert.deepEqual(complete('synapse-migrator', 'model', 'check', 'a').sort(), ['a cortex', 'a file'])
  assert.deepEqual(complete('migrate_020', '--workers', ''), [])
  // In sync a source is a url.
  assert.deepEqual(complete('sync_020', '--src', 'a'), [])
})

test('scripts of all shells, and the manual pages, have every command and option with what it does', () => {
  const [zsh, fish] = ['zsh', 'fish'].map((shell) => synapseMigrator(['completion', shell]).stdout)
  for (const program of programs()) {
    for (const { path, options } of commandFacts(program)) {
      assert.ok(zsh.includes(`('${path}')`), path)
      assert.ok(fish.includes(`\\'${path}\\'' `), path)
      for (const { long } of options) {
        assert.ok(zsh.includes(`'${long}:`) && fish.includes(` -l ${long.slice(2)} `), `${path} ${long}`)
      }
    }
    const page = manPage(program, '1')
    assert.match(page, /^\.TH .*\n\.SH NAME\n.* \\- .*\n\.SH SYNOPSIS\n/)
    for (const { options } of commandFacts(program)) {
      for (const { long } of options) assert.ok(page.includes(long.replaceAll('-', '\\-')), `${program.name()} ${long}`)
    }
    const prefix = program.name() === 'sync_020' ? 'SYN_SYNCMIGRATOR_' : 'SYN_MIGRATE_'
    assert.ok(page.includes(`\n.B ${prefix}<`), program.name())
    for (const line of page.trimEnd().split('\n')) assert.match(line, /^(\.(TH|SH|SS|TP|PP|B|BR|I|nf|fi)\b|[^.'])/)
  }
  const sync = manPage(programs()[2], '1')
  assert.match(sync, /^\.B 11\n\\-\\-err_lim changes of a layer could not be applied$/m)
  assert.doesNotMatch(sync, /^\.B (7|9)$/m)
  assert.equal(synapseMigrator(['completion', 'csh']).status, 2)
})

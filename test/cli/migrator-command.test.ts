import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { synapseMigrator as program } from '../../src/cli/program.js'
import { synapseMigrator } from '../support/cortex.js'

const COMMAND_NAMES = program().commands.map((command) => command.name())

test('synapse-migrator --version prints the version of the package', () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  assert.deepEqual(synapseMigrator(['--version']), { status: 0, stdout: `${version}\n`, stderr: '' })
})

test('synapse-migrator help names every command, and help COMMAND is its --help', () => {
  const { status, stdout } = synapseMigrator(['help'])
  assert.equal(status, 0)
  for (const name of COMMAND_NAMES) assert.match(stdout, new RegExp(`^ {2}${name}\\b`, 'm'))
  assert.equal(synapseMigrator(['--help']).stdout, stdout)
  const help = synapseMigrator(['help', 'errors'])
  assert.match(help.stdout, /^Usage: synapse-migrator errors \[options\] <dest>/)
  assert.deepEqual(synapseMigrator(['errors', '--help']), help)
  assert.match(synapseMigrator(['sync', '--help']).stdout, /^Usage: synapse-migrator sync <dirn> \[options\]\n/)
})

test('synapse-migrator without a command, or with an unknown one, ends with 2 and says what there is', () => {
  const none = synapseMigrator([])
  assert.deepEqual([none.status, none.stdout], [2, ''])
  assert.match(none.stderr, /^Usage: synapse-migrator <command>/)
  assert.deepEqual(synapseMigrator(['inspct']), {
    status: 2,
    stdout: '',
    stderr:
      "error: unknown command 'inspct'\n(Did you mean inspect?)\n" +
      'hint: synapse-migrator --help lists arguments and options\n',
  })
  assert.match(synapseMigrator(['constructor']).stderr, /^error: unknown command 'constructor'\nhint: synapse-migr/)
  const nested = synapseMigrator(['checkpoint', 'shw', 'dir'])
  assert.equal(nested.status, 2)
  assert.match(
    nested.stderr,
    /^error: unknown command 'shw'\n\(Did you mean show\?\)\nhint: synapse-migrator checkpoint --/,
  )
})

test('synapse-migrator commands end with 2 on wrong arguments', () => {
  const wrong = [
    ['inspect'],
    ['inspect', 'a', 'b'],
    ['errors', 'a', '--limit', '0'],
    ['errors', 'a', '--limit', '1.5'],
    ['errors', 'a', '--nope'],
    ['preflight', '--src', 'a'],
    ['setup', 'a'],
  ]
  for (const args of wrong) {
    const { status, stdout, stderr } = synapseMigrator(args)
    assert.deepEqual([status, stdout], [2, ''], args.join(' '))
    assert.match(stderr, /^error: /)
  }
})

test('synapse-migrator setup finds the binding that is there', () => {
  const { status, stderr } = synapseMigrator(['setup'])
  assert.equal(status, 0)
  assert.match(stderr, /^LMDB binding: data format 1 \(LMDB 0\.9\.\d+\), nothing to build\n$/)
})

test('every command takes unique prefixes of long options, and its help names the exit codes that it may end with', () => {
  const { commands } = program()
  const paths = commands.flatMap((command) =>
    command.commands.length === 0 ? [[command.name()]] : command.commands.map((sub) => [command.name(), sub.name()]),
  )
  for (const path of paths) {
    const { status, stdout } = synapseMigrator([...path, '--hel'])
    assert.equal(status, 0, path.join(' '))
    assert.match(stdout, /^Exit codes:\n {4}0 {2}/m, path.join(' '))
  }
})

test('colours are for terminals: none into a pipe, with NO_COLOR or --no-color, but with FORCE_COLOR', () => {
  const isColoured = (args: string[], env: NodeJS.ProcessEnv) =>
    synapseMigrator(['inspct', ...args], env).stderr.includes('\x1b[31m')
  assert.equal(isColoured([], {}), false)
  assert.equal(isColoured([], { FORCE_COLOR: '1' }), true)
  assert.equal(isColoured([], { FORCE_COLOR: '1', NO_COLOR: '1' }), false)
  assert.equal(isColoured(['--no-color'], { FORCE_COLOR: '1' }), false)
})

import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Command } from 'commander'
import { CliCommand } from '../../src/cli/cli-command.js'
import { addMigrateOptions, addOptionsWithoutEffect, addRunOptions } from '../../src/cli/migrate-options.js'
import { OPTION_NAMES } from '../../src/cli/option-names.js'
import { synapseMigrator as program } from '../../src/cli/program.js'
import { ExitCode } from '../../src/errors.js'
import { synapseMigrator, tempDir, unpack } from '../support/cortex.js'

/** Runs `migrate_020` up to its options, with this environment. */
async function optionsOf(args: string[], env: Record<string, string>) {
  let seen: { options: Record<string, unknown>; origins: readonly string[] } | undefined
  const command = addOptionsWithoutEffect(addRunOptions(addMigrateOptions(new CliCommand('migrate_020')))).runs(
    (options, _, { origins }) => {
      seen = { options: options as Record<string, unknown>, origins }
      return ExitCode.ok
    },
  )
  const said: string[] = []
  command.configureOutput({ writeErr: (text) => said.push(text) })
  const before = process.env
  process.env = { ...env }
  try {
    const status = await command.run(args)
    return { status, said: said.join(''), options: seen?.options ?? {}, origins: seen?.origins ?? [] }
  } finally {
    process.env = before
  }
}

test('an option is taken from the command line, then the environment, then the file, then its default', async (t) => {
  const file = join(tempDir(t), 'migrate.yaml')
  writeFileSync(
    file,
    'src: file-src\ndest: 007\nnodelim: 3\nmax-errors: 3\nfair-iter: 3\nverify: yes\nrestart:\nmodel: [a.json, "b,c.json"]\n',
  )
  const env = { SYN_MIGRATE_CONFIG: file, SYN_MIGRATE_NODELIM: '2', SYN_MIGRATE_MAX_ERRORS: '2', SYN_MIGRATE_DEST: '' }
  // Kubernetes puts these there for a service that is named syn-migrate.
  const service = {
    SYN_MIGRATE_SERVICE_HOST: '10.0.0.1',
    SYN_MIGRATE_SERVICE_PORT_HTTP: '80',
    SYN_MIGRATE_PORT_80_TCP: 'tcp://',
  }
  const { status, options, origins } = await optionsOf(['--max-errors', '1'], { ...env, ...service })
  assert.equal(status, 0)
  assert.deepEqual(
    [options.src, options.dest, options.maxErrors, options.nodelim, options.fairIter, options.editBatchsize],
    ['file-src', '007', 1, 2, 3, 100],
  )
  assert.deepEqual([options.verify, options.restart, options.model], [true, undefined, ['a.json', 'b,c.json']])
  const origin = (name: string) => origins.find((line) => line.startsWith(`Option ${name}: `))
  assert.equal(origin('maxErrors'), 'Option maxErrors: 1, from the command line')
  assert.equal(origin('nodelim'), 'Option nodelim: 2, from the environment variable SYN_MIGRATE_NODELIM')
  assert.equal(origin('fairIter'), `Option fairIter: 3, from the configuration "${file}"`)
  assert.equal(origin('editBatchsize'), 'Option editBatchsize: 100, from the default')
})

test('flags, their opposites, and lists are understood in environment and file', async () => {
  const args = ['--src', 'src', '--dest', 'dest']
  const env = {
    SYN_MIGRATE_MIGR_OPS: 'nodes, Splices',
    SYN_MIGRATE_SKIP_LAYER: '[AA, bb]',
    SYN_MIGRATE_MAP_PARTIAL: 'off',
    SYN_MIGRATE_FROM_LAST: '0',
    SYN_MIGRATE_SAFETY_OFF: 'TRUE',
  }
  const { options } = await optionsOf(args, env)
  assert.deepEqual(
    [options.migrOps, options.skipLayer],
    [
      ['nodes', 'splices'],
      ['aa', 'bb'],
    ],
  )
  assert.deepEqual([options.mapPartial, options.fromLast, options.safetyOff], [false, undefined, true])
  assert.equal((await optionsOf(args, { SYN_MIGRATE_NO_MAP_PARTIAL: 'true' })).options.mapPartial, false)
  assert.equal((await optionsOf(args, { SYN_MIGRATE_NO_MAP_PARTIAL: 'false' })).options.mapPartial, true)
  const asked = await optionsOf([...args, '--map-partial'], { SYN_MIGRATE_NO_MAP_PARTIAL: 'true' })
  assert.equal(asked.options.mapPartial, true)
  // What the command line is against does not count; what only the others say must not contradict itself.
  const restart = await optionsOf([...args, '--restart'], { SYN_MIGRATE_FROM_LAST: '1' })
  assert.deepEqual([restart.options.restart, restart.options.fromLast], [true, undefined])
  assert.match(restart.origins.join('\n'), /FROM_LAST is ignored: the command line says otherwise/)
  const both = await optionsOf(args, { SYN_MIGRATE_FROM_LAST: '1', SYN_MIGRATE_RESTART: '1' })
  assert.deepEqual([both.status, /'--restart' cannot be used with option '--from-last'/.test(both.said)], [2, true])
})

test('the lines about origins hold no password and no command of a hook', async () => {
  const env = {
    SYN_MIGRATE_MODEL: 'tcp://root:secret@old:27492/',
    SYN_MIGRATE_ON_FAILURE: 'curl https://hooks.example.com/secret',
  }
  const { origins, options } = await optionsOf(['--src', 'src', '--dest', 'dest'], env)
  assert.deepEqual(options.model, ['tcp://root:secret@old:27492/'])
  assert.match(origins.join('\n'), /Option model: .*root:\*{4}@old[\s\S]*Option onFailure: set, from the environment/)
  assert.doesNotMatch(origins.join('\n'), /secret/)
})

test('the lines about origins hold nothing of a password with a space', async () => {
  const model = 'tcp://root:se cret@old:27492/'
  const { origins } = await optionsOf(['--src', 'src', '--dest', 'dest', '--model', model, '--model', 'x'], {})
  assert.ok(origins.includes('Option model: ["tcp://root:****@old:27492/","x"], from the command line'))
})

test('what no option is named, or cannot take, ends with 3 and names the nearest and the place', (t) => {
  const dir = tempDir(t)
  const file = join(dir, 'migrate.yaml')
  const run = (text: string, env: NodeJS.ProcessEnv = {}) => {
    writeFileSync(file, text)
    const { status, stderr, stdout } = synapseMigrator(['migrate', '--config', file], env)
    assert.deepEqual([status, stdout], [3, ''], stderr)
    return stderr
  }
  assert.match(
    run('srcc: x\n'),
    /^error: Cannot use "srcc" of the configuration ".*migrate\.yaml": no option has this name\nhint: The nearest one is "src";/,
  )
  assert.match(
    run('', { SYN_MIGRATE_WORKRS: '2' }),
    /"SYN_MIGRATE_WORKRS" of the environment: .*\nhint: .*"SYN_MIGRATE_WORKERS"/,
  )
  assert.match(run('workers: many\n'), /Cannot use "workers" of the configuration ".*": it is not a whole number/)
  assert.match(run('workers: [1, 2]\n'), /Cannot use "workers" .*: it takes one value only/)
  assert.match(run('verify: maybe\n'), /Cannot use "verify" .*: it is neither true nor false/)
  assert.match(run('src: { a: b }\n'), /Cannot use "src" .*: give a text/)
  assert.match(run('- src\n'), /it is not a map of options to values/)
  assert.match(run('src: [\n'), /^error: Cannot read the configuration ".*migrate\.yaml": /)
  assert.match(run('', { SYN_MIGRATE_LOG_LEVEL: 'LOUD' }), /variable SYN_MIGRATE_LOG_LEVEL: choose from DEBUG/)
  const none = synapseMigrator(['verify', '--config', join(dir, 'none.yaml')])
  assert.deepEqual([none.status, /Cannot read the configuration ".*none\.yaml": ENOENT/.test(none.stderr)], [3, true])
  // Help and version need no configuration that can be read.
  assert.equal(synapseMigrator(['verify', '--help', '--config', join(dir, 'none.yaml')]).status, 0)
})

test('one file and one environment serve several commands, each takes what is its own', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/normerror/src.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  const file = join(dir, 'migrate.yaml')
  writeFileSync(file, `src: ${src}\ndest: ${dest}\nworkers: 1\nreport-dir: ${join(dir, 'report')}\n`)
  const env = { SYN_MIGRATE_CONFIG: file, SYN_MIGRATE_EXIT_CODE: '0', SYN_MIGRATE_REPORT: 'x' }
  const preflight = synapseMigrator(['preflight', '--log-level', 'DEBUG'], env)
  assert.equal(preflight.status, 0)
  assert.match(preflight.stderr, new RegExp(`\\[DEBUG\\] Option src: "${src}", from the configuration`))
  assert.equal(synapseMigrator(['migrate'], env).status, 8)
  assert.equal(existsSync(join(dir, 'report', 'report.json')), true)
  assert.equal(synapseMigrator(['verify', '--sample', '2'], env).status, 0)
  const errors = synapseMigrator(['errors', dest], { ...env, SYN_LOG_LEVEL: 'DEBUG' })
  assert.equal(errors.status, 0, errors.stderr)
  assert.match(errors.stderr, new RegExp(`\\[DEBUG\\] Option src: "${src}", from the configuration`))
})

test('OPTION_NAMES has the options of all commands but sync', () => {
  const names = new Set<string>()
  const walk = (command: Command) => {
    for (const { long } of command.options) names.add(long?.slice(2) ?? '')
    for (const each of command.commands) if (each.name() !== 'sync') walk(each)
  }
  walk(program())
  for (const name of ['version', 'config']) names.delete(name)
  assert.deepEqual([...names].sort(), [...OPTION_NAMES].sort())
})

test('every command has --version and --help, its docs and exit codes, and what has no effect at the end', async () => {
  const commands: string[][] = []
  const walk = (command: Command, path: string[]) => {
    if (command.commands.length === 0) commands.push(path)
    for (const each of command.commands) walk(each, [...path, each.name()])
  }
  walk(program(), [])
  const version = synapseMigrator(['--version']).stdout
  for (const command of commands) assert.equal(synapseMigrator([...command, '--version']).stdout, version)
  const help = synapseMigrator(['migrate', '--help']).stdout
  assert.match(help, /^Usage:[\s\S]*\n\nExamples:\n[\s\S]*\n\nWhat to migrate:\n[\s\S]*\n\nDocs: .*\n\nExit codes:\n/)
  const last = help.split('\n\n').at(-3)
  assert.match(last ?? '', /^Accepted for compatibility, without effect:\n +--fair-iter .*\n +--dest-dedicated /)
  assert.doesNotMatch(help, /.{81}/)
})

test('a configuration for all steps of `part` chooses the layers of the plan, and the last finish stays the last', async (t) => {
  const dir = tempDir(t)
  const file = join(dir, 'migrate.yaml')
  writeFileSync(file, 'layer: [0b4eb4d9fb9d979464a52b2b803afb03]\nverify: true\n')
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  const step = (...args: string[]) =>
    synapseMigrator(['part', ...args, '--src', src, '--dest', dest], { SYN_MIGRATE_CONFIG: file })
  const { layers } = JSON.parse(step('plan', '--json').stdout)
  assert.deepEqual(
    layers.map(({ iden }: { iden: string }) => iden),
    ['0b4eb4d9fb9d979464a52b2b803afb03'],
  )
  const { status, stderr } = step('finish')
  assert.equal(status, 4)
  assert.match(stderr, /^error: Cannot finish ".*": not done yet, cell, layer 0b4eb4d9fb9d979464a52b2b803afb03$/m)
})

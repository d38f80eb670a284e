import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { synapseMigrator as program } from '../../src/cli/program.js'
import { synapseMigrator } from '../support/cortex.js'

const COMMAND_NAMES = program().commands.map((command) => command.name())

const doc = readFileSync('docs/commands.md', 'utf8')
const blocks = [...doc.matchAll(/```text\n\$ synapse-migrator (.*) --help\n([\s\S]*?)```\n/g)]

test('docs/commands.md has a section with the help of every command but those of the reference', () => {
  const documented = new Set(blocks.map(([, command]) => command.split(' ')[0]))
  assert.deepEqual([...documented].sort(), COMMAND_NAMES.filter((name) => name !== 'migrate' && name !== 'sync').sort())
  for (const name of documented) assert.match(doc, new RegExp(`^## ${name}$`, 'm'))
})

test('docs/commands.md shows the help that commands print', () => {
  for (const [, command, help] of blocks) {
    assert.equal(help, synapseMigrator([...command.split(' '), '--help']).stdout, `the help of ${command} has changed`)
  }
})

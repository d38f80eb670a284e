// Writes the help of the commands into docs/commands.md, as they print it: run it after a change of options.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

const FILE = 'docs/commands.md'
const BLOCK = /(```text\n\$ synapse-migrator (.*) --help\n)[\s\S]*?```\n/g

const text = readFileSync(FILE, 'utf8')
writeFileSync(
  FILE,
  text.replace(BLOCK, (_, head, command) => `${head}${helpOf(command)}\`\`\`\n`),
)

function helpOf(command) {
  const args = ['bin/synapse-migrator.mjs', ...command.split(' '), '--help']
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`Cannot read the help of ${command}: ${stderr}`)
  return stdout
}

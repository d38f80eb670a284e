import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { migrateCommand } from '../../src/cli/migrate-command.js'
import { synapseMigrator as program } from '../../src/cli/program.js'
import { migrate, synapseMigrator, tempDir, unpack } from '../support/cortex.js'

const DOCS = [
  'README.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
  ...readdirSync('examples').map((name) => join('examples', name, 'README.md')),
]

test('the README shows what migrate_020 prints for the bundled Cortex', (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'cortex-01x'))
  const { status, stdout } = migrate('--src', src, '--dest', join(dir, 'cortex-2x'), '--verify', '--workers', '2')
  const block = /```text\n\$ npx migrate_020 [^\n]*\n([\s\S]*?)\$ echo \$\?\n(\d+)\n```/.exec(
    readFileSync('README.md', 'utf8'),
  )
  const timeless = (text: string) => text.replaceAll(`${dir}/`, '').replaceAll(/\d+\.\d s$/gm, 'N s')
  assert.deepEqual([timeless(block?.[1] ?? ''), block?.[2]], [timeless(stdout), String(status)])
})

test('links in the docs lead to files and headings that are there', () => {
  const missing = DOCS.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link]) => {
      if (/^https?:/.test(link)) return []
      const [path, anchor] = link.split('#')
      const to = path === '' ? file : join(dirname(file), path)
      if (!existsSync(to)) return [`${file}: ${link}`]
      return anchor === undefined || anchorsOf(to).includes(anchor) ? [] : [`${file}: ${link}`]
    }),
  )
  assert.deepEqual(missing, [])
})

test('options in commands of the docs are options of these commands', () => {
  const commands = [...program().commands, migrateCommand('migrate_020')]
  const known = new Map(
    commands.flatMap((command) => [
      [command.name(), longs(command)] as const,
      ...command.commands.map((sub) => [`${command.name()} ${sub.name()}`, longs(sub)] as const),
    ]),
  )
  known.set('sync_020', known.get('sync') ?? [])
  const lines = DOCS.flatMap((file) =>
    [
      ...readFileSync(file, 'utf8').matchAll(
        /(?<!--name )(?:synapse-migrator ([a-z-]+)|(migrate_020|sync_020))\b([^`"\n|]*)/g,
      ),
    ].map(([line, sub, own, rest]) => ({ file, line, name: sub ?? own, rest })),
  )
  const unknown = lines.flatMap(({ file, line, name, rest }) => {
    const options = known.get(`${name} ${rest.trim().split(/\s/)[0]}`) ?? known.get(name)
    if (options === undefined) return []
    const given = [...rest.matchAll(/(?<=\s)--[a-z][a-z0-9_-]*/g)].map(([option]) => option)
    return given
      .filter((option) => !options.includes(option) && !['--help', '--version'].includes(option))
      .map((option) => `${file}: ${option} in ${line}`)
  })
  assert.ok(lines.length > 50)
  assert.deepEqual(unknown, [])
})

test('known errors are accepted as docs/troubleshooting.md shows', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/normerror/src.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  assert.equal(migrate('--src', src, '--dest', dest, '--workers', '1').status, 8)
  assert.match(synapseMigrator(['errors', dest]).stdout, /NORM|BUID/)
  assert.equal(migrate('--src', src, '--dest', dest, '--workers', '1').status, 4)
  assert.equal(
    migrate('--src', src, '--dest', dest, '--from-last', '--accept-errors', 'all', '--workers', '1').status,
    0,
  )
})

function anchorsOf(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

function longs({ options }: { readonly options: readonly { readonly long?: string | null }[] }) {
  return options.map(({ long }) => long)
}

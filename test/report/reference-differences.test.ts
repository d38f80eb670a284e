import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { TOLD_DIFFERENCES, UNTOLD_DIFFERENCES } from '../../src/report/reference-differences.js'
import { type Report, reportSchema } from '../../src/report/report-schema.js'
import { migrate, synapseMigrator, tempDir, unpack } from '../support/cortex.js'

/** What a run is refused for, what a command prints, and where both do the same. */
const OF_NO_RUN = ['D6', 'D8', 'D22', 'D28', 'D30', 'D34', 'D35', 'D36', 'D37', 'D38', 'D39']

/** Cortexes with one odd thing each: what the report says of them beside that they have splices. */
const CASES: readonly (readonly [name: string, found: readonly string[]])[] = [
  ['bad/intact/src', []],
  [
    'bad/int-big/src',
    ['D1 1 nodes with a value that cannot be stored', 'D20 1 runs that ended with another exit code than 0'],
  ],
  [
    'bad/tagprop-colon/src',
    ['D13 1 nodes with a tag prop whose name 2.x cannot read', 'D20 1 runs that ended with another exit code than 0'],
  ],
  ['bad/nonodedata/src', ['D21 1 layers without a slab of node data']],
  ['bad/splices-gap/src', ['D10 4 offsets that a splice log lacks']],
  ['bad/layerowner-missing/src', ['D16 1 layers whose owner is no user']],
  ['bad/cellyaml-old/src', ['D19 2 options of cell.yaml that 2.x has too']],
  [
    'bad/trigger-noview/src',
    [
      'D15 2 triggers',
      'D15 1 triggers without a view of their own',
      'D15 1 triggers of a view that does not exist',
      'D32 1 errors of node data, splices and steps of the cell',
      'D20 1 runs that ended with another exit code than 0',
    ],
  ],
  [
    'old/0.1.31',
    [
      'D61 2 splices in names of an older model',
      'D11 2 queues whose number is not their place by name',
      'D60 1 Cortexes of a release before 0.1.58 that has another layout',
    ],
  ],
]

for (const [name, found] of CASES) {
  test(`the report of ${name} names the differences to the reference that applied, with their counts`, (t) => {
    const dir = tempDir(t)
    const src = unpack(`${name}.tar.gz`, join(dir, 'src'))
    const dest = join(dir, 'dest')
    migrate('--src', src, '--dest', dest, '--workers', '1')
    const shown = shownOf(reportOf(join(dest, 'migration')))
    const always = ['D10 1 layers that have splices', 'D33 1 layers with node edits']
    assert.deepEqual([...shown].sort(), [...always, ...found].sort())
  })
}

test('counts of differences are those of the whole, after a resume, in a dry run and after a replay', (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  migrate('--src', src, '--dest', dest, '--workers', '2')
  const report = reportOf(join(dest, 'migration'))
  const shown = shownOf(report)
  for (const line of [
    'D23 23 nodes whose form is in another layer',
    'D12 7 tag props of a type with options',
    'D10 3 layers that have splices',
    'D11 5 queues whose number is not their place by name',
    'D15 16 triggers',
    'D16 3 layers with a name or options',
  ]) {
    assert.ok(shown.includes(line), `${line}: ${shown.join('\n')}`)
  }
  // What nobody looked at is not taken for absent.
  assert.match(report.not_looked_at.join('\n'), /D25 \(nodes without \.created\)/)
  assert.doesNotMatch(report.not_looked_at.join('\n'), /D23|D12/)
  assert.match(readFileSync(join(dest, 'migration', 'report.html'), 'utf8'), /nodes whose form is in another layer/)
  migrate('--src', src, '--dest', dest, '--from-last', '--workers', '2')
  const resumed = shownOf(reportOf(join(dest, 'migration')))
  assert.deepEqual(withoutRuns(resumed), withoutRuns(shown))
  assert.ok(resumed.includes('D3 1 runs that continued an earlier one (--from-last)'))
  synapseMigrator(['errors', dest, '--replay', '--src', src, '--workers', '1'])
  const replayed = shownOf(reportOf(join(dest, 'migration')))
  assert.deepEqual(withoutRuns(replayed), withoutRuns(shown))
  assert.ok(replayed.includes('D3 1 runs that continued an earlier one (--from-last)'))
  const out = join(dir, 'out')
  migrate('--src', src, '--dest', join(dir, 'none'), '--dry-run', '--report-dir', out, '--workers', '2')
  const dry = shownOf(reportOf(out))
  assert.deepEqual(dry, shown)
})

test('a run without the steps that would tell of a difference says that it was not looked at', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  migrate('--src', src, '--dest', dest, '--migr-ops', 'dirn', 'cell', '--workers', '1')
  const report = reportOf(join(dest, 'migration'))
  assert.deepEqual(shownOf(report), [])
  assert.match(report.not_looked_at.join('\n'), /D23 \(nodes whose form is in another layer\).*D11 \(queues/)
})

test('each difference of the list of all is told, or its number is given as not looked at', () => {
  const doc = readFileSync('docs/decisions/reference-differences.md', 'utf8')
  const all = [...new Set([...doc.matchAll(/^\| (D\d+) \|/gm)].map(([, id]) => id))]
  const here = [...TOLD_DIFFERENCES, ...Object.keys(UNTOLD_DIFFERENCES), ...OF_NO_RUN]
  assert.deepEqual([...all].sort(), [...here].sort())
})

/** How many runs there were, and how they ended, is not the same. */
function withoutRuns(shown: readonly string[]): string[] {
  return shown.filter((line) => !/^D(3|20) /.test(line))
}

function shownOf({ differences }: Report): string[] {
  return differences.map(({ id, count, of }) => `${id} ${count} ${of}`)
}

function reportOf(dir: string): Report {
  return reportSchema.parse(JSON.parse(readFileSync(join(dir, 'report.json'), 'utf8')))
}

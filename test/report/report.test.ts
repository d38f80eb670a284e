import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import * as z from 'zod/mini'
import { reportHtml } from '../../src/report/report-html.js'
import { type Report, reportSchema } from '../../src/report/report-schema.js'
import { readRuns } from '../../src/report/run-history.js'
import { ThroughputSamples } from '../../src/report/throughput-samples.js'
import { migrate, synapseMigrator, tempDir, unpack } from '../support/cortex.js'

const LAYER = 'da202ae99a55194da2d4b96eb84a754b'

test('a run writes a report with its counts, errors and verdict, and report makes the same again', (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  const { status, stdout, stderr } = migrate('--src', src, '--dest', dest, '--workers', '2')
  assert.equal(status, 8, stderr)
  const report = reportOf(join(dest, 'migration'))
  assert.deepEqual([report.verdict.status, report.verdict.exit_code], ['incomplete', 8])
  assert.match(report.verdict.text, /It was not compared with its source/)
  for (const { iden, nodes, nodedata, splices } of report.layers) {
    assert.ok(nodes && nodedata && splices)
    const line =
      `layer ${iden}: ${n(nodes.dest)} of ${n(nodes.source)} nodes, ${n(nodedata.dest)} of ${n(nodedata.source)} nodedata, ` +
      `${n(splices.dest)} of ${n(splices.source)} splices as ${n(splices.node_edits)} node edits`
    assert.ok(stdout.includes(line), line)
    assert.equal(nodes.difference, nodes.dest - nodes.source)
  }
  // Counts by form are those that --form-counts takes by reading both.
  const table = migrate('--src', src, '--dest', dest, '--form-counts').stdout
  const forms = report.layers.flatMap((layer) => layer.forms)
  assert.ok(forms.length > 10)
  for (const { form, source, dest: found } of forms) {
    assert.match(
      table,
      new RegExp(`${form.replaceAll('.', '\\.')}\\D+${n(source)}\\D+${n(found)}\\b`.replaceAll(',', ',?')),
    )
  }
  const errors = report.errors.kinds.filter(({ is_note }) => !is_note)
  assert.match(stdout, new RegExp(`^  ${n(report.errors.total)} errors?:`, 'm'))
  assert.equal(
    errors.reduce((sum, kind) => sum + kind.errors, 0),
    report.errors.total,
  )
  assert.ok(errors.every(({ examples, cure }) => examples.length > 0 && cure !== ''))
  assert.match(report.not_looked_at.join('\n'), /no result of verify is recorded[\s\S]*nothing was hashed/)
  assert.ok(report.layers.every(({ fingerprint }) => /^[0-9a-f]{16}$/.test(fingerprint.layer.digest)))
  assert.equal(statSync(join(dest, 'migration', 'report.html')).mode & 0o777, 0o600)
  assert.equal(synapseMigrator(['report', dest]).status, 0)
  assert.deepEqual({ ...reportOf(join(dest, 'migration')), made_at: '' }, { ...report, made_at: '' })
})

test('report takes a result of verify of this destination only, and hashes when asked', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/normerror/src.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  assert.equal(migrate('--src', src, '--dest', dest, '--workers', '1').status, 8)
  const file = join(dir, 'verify.json')
  writeFileSync(file, synapseMigrator(['verify', '--src', src, '--dest', dest, '--json', '--workers', '1']).stdout)
  const { stdout } = synapseMigrator(['report', dest, '--verify', file, '--sha256', '--json'])
  const report = reportSchema.parse(JSON.parse(stdout))
  assert.equal(report.verify?.result.ok, true)
  assert.match(report.verdict.text, /found no differences/)
  const layer = report.sha256?.find(({ path }) => path === `layers/${LAYER}/layer_v2.lmdb/data.mdb`)
  assert.ok(layer)
  const bytes = readFileSync(join(dest, layer.path)).subarray(0, layer.bytes)
  assert.equal(layer.sha256, createHash('sha256').update(bytes).digest('hex'))
  // A file whose name is not UTF-8 is a file like any other.
  writeFileSync(Buffer.concat([Buffer.from(join(dest, 'odd')), Buffer.from([0xe9])]), 'odd')
  const hashed = reportSchema.parse(JSON.parse(synapseMigrator(['report', dest, '--sha256', '--json']).stdout)).sha256
  const odd = hashed?.find(({ path }) => path === 'odd\\xe9')
  assert.equal(odd?.sha256, createHash('sha256').update('odd').digest('hex'))
  assert.equal(hashed?.length, (report.sha256?.length ?? 0) + 1)
  // A sample is no more than one, and what was compared before the last run says nothing of it.
  writeFileSync(file, synapseMigrator(['verify', '--src', src, '--dest', dest, '--json', '--sample', '2']).stdout)
  const sampled = reportSchema.parse(JSON.parse(synapseMigrator(['report', dest, '--verify', file, '--json']).stdout))
  assert.match(sampled.verdict.text, /found no differences in what was compared\.$/)
  utimesSync(file, 1, 1)
  const old = synapseMigrator(['report', dest, '--verify', file])
  assert.deepEqual([old.status, /it is older than the last run/.test(old.stderr)], [2, true])
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), destDir: src }))
  const refused = synapseMigrator(['report', dest, '--verify', file])
  assert.deepEqual([refused.status, /it is about/.test(refused.stderr)], [2, true])
})

test('report --sha256 follows links, passes over those that lead nowhere, and leaves out the log of the runs only', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  assert.equal(migrate('--src', src, '--dest', dest, '--workers', '1').status, 0)
  const hashed = () => {
    const { status, stdout, stderr } = synapseMigrator(['report', dest, '--sha256', '--json'])
    assert.equal(status, 0, stderr)
    return reportSchema.parse(JSON.parse(stdout))
  }
  const before = hashed()
  assert.match(before.not_looked_at.join('\n'), /SHA-256 of .*the log of the runs/)
  // Waits are drawn, so nothing is missing of them.
  assert.doesNotMatch(before.not_looked_at.join('\n'), /waiting/)
  // An operator moves a layer to another disk.
  renameSync(join(dest, 'layers', LAYER), join(dir, 'layer'))
  symlinkSync(join(dir, 'layer'), join(dest, 'layers', LAYER))
  symlinkSync(join(dir, 'nowhere'), join(dest, 'dangling'))
  symlinkSync('..', join(dest, 'layers', 'up'))
  writeFileSync(join(dest, 'migrate.log'), 'no log')
  const after = hashed().sha256 ?? []
  assert.deepEqual(
    after.filter(({ path }) => path !== 'migrate.log'),
    before.sha256,
  )
  assert.equal(after.length, (before.sha256?.length ?? 0) + 1)
  // A slab in a place that no slab has.
  const odd = Buffer.concat([Buffer.from(`${dest}/odd`), Buffer.from([0xe9])])
  mkdirSync(odd)
  const slab = `${dest}/layers/${LAYER}/layer_v2.lmdb/data.mdb`
  copyFileSync(slab, Buffer.concat([odd, Buffer.from('/data.mdb')]))
  assert.equal(hashed().sha256?.find(({ path }) => path === 'odd\\xe9/data.mdb')?.bytes, statSync(slab).size)
  // What is refused is refused before hours of hashing: of this one it would not come to an end.
  mkdirSync(join(dest, 'damaged'))
  writeFileSync(join(dest, 'damaged', 'data.mdb'), 'no slab')
  const refused = synapseMigrator(['report', dest, '--sha256', '--out', join(src, 'report')])
  assert.deepEqual([refused.status, /it is in the source/.test(refused.stderr)], [2, true])
  assert.equal(synapseMigrator(['report', dest, '--sha256']).status, 5)
})

test('a refused run and a dry one write nothing at the destination, and their report where it is asked for', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/normerror/src.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  const out = join(dir, 'out')
  const dry = migrate('--src', src, '--dest', dest, '--dry-run', '--report-dir', out, '--workers', '1')
  assert.deepEqual([dry.status, existsSync(dest)], [8, false])
  const found = reportOf(out)
  assert.equal(found.verdict.status, 'dry run')
  const [, errors] = /^ {2}(\d+) errors?: these would not be migrated/m.exec(dry.stdout) ?? []
  assert.deepEqual([found.errors.total, found.errors.total > 0], [Number(errors), true])
  assert.match(readFileSync(join(out, 'report.html'), 'utf8'), /found by the dry run/)
  assert.equal(migrate('--src', join(dir, 'none'), '--dest', dest, '--report-dir', out).status, 5)
  assert.deepEqual([reportOf(out).verdict.status, existsSync(dest)], ['failed', false])
  assert.match(reportOf(out).runs[0].failure?.message ?? '', /./)
  const few = migrate('--src', src, '--dest', dest, '--migr-ops', 'dirn', '--report-dir', out)
  assert.deepEqual([few.status, reportOf(out).verdict.status], [0, 'incomplete'])
  assert.match(reportOf(out).verdict.text, /leave out steps cell, dmodel, hivelyr/)
  symlinkSync(src, join(dir, 'link'))
  for (const path of [src, join(src, 'report'), join(dir, 'link', 'new', 'report')]) {
    const before = readdirSync(src)
    assert.equal(migrate('--src', src, '--dest', dest, '--report-dir', path).status, 2)
    assert.equal(synapseMigrator(['report', dest, '--out', path]).status, 2)
    assert.deepEqual(readdirSync(src), before)
  }
})

test('a run that was killed has no report of an earlier one, and report says that it recorded no end', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/normerror/src.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  assert.equal(migrate('--src', src, '--dest', dest, '--workers', '1').status, 8)
  const path = join(dest, 'migration', 'runs.json')
  const [run] = readRuns(dest) ?? []
  writeFileSync(
    path,
    JSON.stringify([
      run,
      { ...run, runId: 'killed', startedMs: run.startedMs + 1, endedMs: null, exitCode: null, layers: null },
    ]),
  )
  const report = reportSchema.parse(JSON.parse(synapseMigrator(['report', dest, '--json']).stdout))
  assert.deepEqual([report.verdict.status, report.verdict.exit_code], ['no end recorded', null])
  assert.ok(report.layers.every(({ nodes, splices }) => nodes === null && splices === null))
  writeFileSync(path, 'damaged')
  const unknown = reportSchema.parse(JSON.parse(synapseMigrator(['report', dest, '--json']).stdout))
  assert.equal(unknown.verdict.status, 'unknown')
})

test('the page shows hostile names and does nothing with them', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/normerror/src.tar.gz', join(dir, 'src'))
  migrate('--src', src, '--dest', join(dir, 'dest'), '--dry-run', '--report-dir', dir, '--workers', '1')
  const report = reportOf(dir)
  const hostile = [
    `<script>alert(1)</script>`,
    `"><img src=x onerror=alert(1)>`,
    '\u202egnp.exe',
    '\u0000\u001b[2J',
    'x'.repeat(10_000),
  ]
  const forms = hostile.map((form) => ({ form, source: 1, dest: 1, difference: 0 }))
  const layer = { iden: LAYER, nodes: null, nodedata: null, splices: null, forms, fingerprint: {} }
  const html = reportHtml({ ...report, dest: hostile.join(''), source: hostile[1], layers: [layer] })
  for (const text of ['<script', '<img', '\u202e', '\u0000', '\u001b'])
    assert.ok(!html.includes(text), JSON.stringify(text))
  assert.match(html, /&lt;script&gt;alert\(1\)&lt;\/script&gt;/)
  assert.match(html, /\\u202egnp\.exe/)
  const style = /<style>([\s\S]*)<\/style>/.exec(html)?.[1] ?? ''
  assert.ok(html.includes(`style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`))
  assert.match(html, /content="default-src 'none';/)
  // Nothing to load, and no style but the one that has a hash.
  for (const [tag] of html.matchAll(/<[^>]*>/g)) assert.doesNotMatch(tag, /\s(src|style|srcset|on\w+)=/)
  assert.doesNotMatch(style, /@import|url\(/)
  assert.deepEqual(
    [...html.matchAll(/href="([^#][^"]*)"/g)].map(([, href]) => href),
    ['data:,'],
  )
})

test('docs/report.schema.json is the schema that reports are checked with', () => {
  const schema = JSON.parse(readFileSync('docs/report.schema.json', 'utf8'))
  assert.deepEqual(schema, JSON.parse(JSON.stringify(z.toJSONSchema(reportSchema))))
})

test('ThroughputSamples passes all progress on, and keeps the first of each second', () => {
  const seen: number[] = []
  const samples = new ThroughputSamples({ show: ({ done }) => seen.push(done) })
  for (const done of [0, 5, 10]) samples.show({ phase: 'nodes', layer: LAYER, done, total: 10, unit: 'rows' })
  assert.deepEqual(seen, [0, 5, 10])
  assert.deepEqual(
    samples.samples.map(({ done, phase }) => [done, phase]),
    [[0, 'nodes']],
  )
})

function reportOf(dir: string): Report {
  return reportSchema.parse(JSON.parse(readFileSync(join(dir, 'report.json'), 'utf8')))
}

function n(value: number): string {
  return value.toLocaleString('en-US')
}

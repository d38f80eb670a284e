import { createHash } from 'node:crypto'
import { escapeHtml as esc } from '../text/html.js'
import { counted, count as n } from '../text/table.js'
import {
  contentsHtml,
  factsHtml,
  foldHtml,
  groupedTableHtml,
  type HtmlCell,
  listHtml,
  type Section,
  sectionHtml,
  tableHtml,
} from './html-parts.js'
import type { Report } from './report-schema.js'
import { REPORT_STYLE } from './report-style.js'
import type { RunRecord } from './run-history.js'
import { throughputSvg } from './throughput-svg.js'
import { waitsSvg } from './waits-svg.js'

/** The report as one page without requests or scripts: its policy allows only its own style. */
export function reportHtml(report: Report): string {
  const styleHash = createHash('sha256').update(REPORT_STYLE).digest('base64')
  const policy = `default-src 'none'; style-src 'sha256-${styleHash}'; img-src data:; base-uri 'none'; form-action 'none'`
  const sections: Section[] = [
    { title: 'What this report does not cover', content: listHtml(report.not_looked_at) },
    { title: 'Counts by layer', content: layerTable(report) },
    ...formCounts(report),
    { title: 'Errors', content: errorsOf(report) },
    { title: 'Differences to the reference', content: differencesOf(report) },
    { title: 'Steps', content: stepTable(report) },
    { title: 'Runs', content: runsOf(report) },
    { title: 'Comparison with the source', content: verifyOf(report) },
    { title: 'Identity of the source', content: identity(report) },
    { title: 'SHA-256', content: hashesOf(report) },
    { title: 'Next steps', content: report.next_steps.map(nextStep).join('') },
  ]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>Migration report: ${esc(report.verdict.status)}</title>
<style>${REPORT_STYLE}</style>
</head>
<body>
<main>
${head(report)}
${contentsHtml(sections)}
${sections.map(sectionHtml).join('\n')}
</main>
</body>
</html>
`
}

function head({ verdict, source, dest, cell_guid, source_version, made_at, made_by }: Report): string {
  const { status, exit_code, text } = verdict
  const kind = status === 'complete' ? 'complete' : ['failed', 'differs'].includes(status) ? 'bad' : 'other'
  const code = exit_code === null ? 'no exit code' : `exit code ${exit_code}`
  return `<h1>Migration report</h1>
<div class="verdict ${kind}"><p><strong>${esc(status)}</strong> (${code})</p><p>${esc(text)}</p></div>
${factsHtml([
  ['Source', source],
  ['Destination', dest],
  ['Iden of the Cortex', cell_guid],
  ['Cortex version of the source', source_version],
  ['Report made', `${made_at} by ${made_by}`],
])}`
}

function layerTable({ layers }: Report): string {
  if (layers.length === 0) return '<p>No layer is recorded.</p>'
  const groups = layers.map(({ iden, nodes, nodedata, splices }) => ({
    name: iden,
    rows: [
      ['nodes', ...countCells(nodes)],
      ['node data', ...countCells(nodedata)],
      [splices === null ? 'splices' : `splices (${n(splices.node_edits)} node edits)`, ...countCells(splices)],
    ],
  }))
  const isKnown = layers.every(({ nodes, nodedata, splices }) => nodes && nodedata && splices)
  return `${isKnown ? '' : '<p class="mute">A dash is a count that is not known.</p>'}${groupedTableHtml('Counts by layer', ['Of a layer', 'source', 'migrated', 'difference'], groups)}`
}

function countCells(counts: { source: number; dest: number; difference: number } | null): HtmlCell[] {
  return counts === null ? [null, null, null] : [counts.source, counts.dest, { delta: counts.difference }]
}

/** There are many forms, and most agree: unfold only layers where one does not. */
function formCounts({ layers }: Report): Section[] {
  const parts = layers.flatMap(({ iden, forms }) => {
    if (forms.length === 0) return []
    const off = forms.filter(({ difference }) => difference !== 0).length
    const rows = forms.map(({ form, source, dest, difference }) => [form, source, dest, { delta: difference }])
    const what = `${counted(forms.length, 'form')}, ${off === 0 ? 'no difference' : `${n(off)} with a difference`}`
    const table = tableHtml(`Forms of layer ${iden}`, ['Form', 'source', 'migrated', 'difference'], rows)
    return [foldHtml(`Layer ${iden}: ${what}`, table, off > 0)]
  })
  if (parts.length === 0) return []
  const about =
    'Form rows of each layer in the source, and those written. Nodes whose form row is in a layer below are not among them.'
  return [{ title: 'Counts by form', content: `<p class="mute">${about}</p>${parts.join('')}` }]
}

function errorsOf({ errors: { total, kinds }, verdict }: Report): string {
  const where = verdict.status === 'dry run' ? 'found by the dry run' : 'in the migration log'
  if (kinds.length === 0) return `<p>None ${where}.</p>`
  const parts = kinds.map(({ step, code, errors, is_note, meaning, cure, examples }) => {
    const name = `${n(errors)} ${step} ${code}${is_note ? ' (note)' : ''}`
    const shown = examples.map(({ layer, form, what, message }) => [form, what, message, layer])
    const table =
      shown.length === 0 ? '' : tableHtml(`Examples of ${name}`, ['Form', 'what', 'message', 'layer'], shown)
    return `<h3>${esc(name)}</h3><p>${esc(sentence(meaning))} ${esc(sentence(cure))}</p>${table}`
  })
  return `<p>${n(total)} ${where}; notes are not counted.</p>${parts.join('')}`
}

function differencesOf({ differences }: Report): string {
  const about =
    'Where this program does otherwise than synapse.tools.migrate_020 of Synapse 0.2.0rc18, and this Cortex has such data. The numbers are those of docs/decisions/reference-differences.md.'
  if (differences.length === 0) return `<p class="mute">${about}</p><p>None is known to have applied.</p>`
  const rows = differences.map(({ id, count, of, reference, here }) => [id, count, of, reference, here])
  return `<p class="mute">${about}</p>${tableHtml('Differences to the reference', ['No.', 'count', 'of', 'there', 'here'], rows)}`
}

function stepTable({ steps }: Report): string {
  if (steps.length === 0) return '<p>None is recorded.</p>'
  const rows = steps.map(({ step, of, ended_at, elapsed_ms }) => [
    step,
    elapsed_ms,
    ended_at,
    of === 'none' ? 'the cell' : of,
  ])
  const table = tableHtml('Steps', ['Step', 'ms', 'ended', 'of'], rows)
  return `<p class="mute">A step takes one layer or the whole cell. A dash is a time that was not measured.</p>${foldHtml(`${n(steps.length)} steps ended`, table)}`
}

function runsOf({ runs }: Report): string {
  return runs.length === 0 ? '<p>None is recorded.</p>' : runs.map(runOf).join('')
}

function runOf(run: RunRecord, at: number): string {
  const { version, startedMs, endedMs, exitCode, failure, options, host, notes, isDryRun } = run
  const shown = Object.entries(options).flatMap(([name, value]) =>
    value === null || value === false || (Array.isArray(value) && value.length === 0)
      ? []
      : [`--${name}${value === true ? '' : ` ${Array.isArray(value) ? value.join(' ') : String(value)}`}`],
  )
  const ended = endedMs === null ? 'no end recorded' : `${new Date(endedMs).toISOString()}, exit code ${exitCode}`
  return `<h3>Run ${at + 1}${isDryRun ? ' (dry)' : ''}</h3>
${factsHtml([
  ['Started', new Date(startedMs).toISOString()],
  ['Ended', ended],
  ['Elapsed', endedMs === null ? null : `${((endedMs - startedMs) / 1000).toFixed(1)} s`],
  ['Stopped by', failure?.message ?? null],
  ['What to do', failure?.hint ?? null],
  ['Program', `synapse-migrator ${version}, Node ${host.node}`],
  ['Host', `${host.name}, ${host.system}, ${host.cores} cores, ${gib(host.memoryBytes)} of memory`],
  ['Options', shown.join(' ')],
  ['Notes', notes],
])}${throughputSvg(run)}${waitsSvg(run)}`
}

function verifyOf({ verify }: Report): string {
  if (verify === null) return '<p>No result is recorded: the rows were not compared with the source.</p>'
  const { from, at, result } = verify
  return factsHtml([
    [
      'Result',
      result.ok ? 'no differences in what was compared' : `${n(Number(result.differenceCount ?? 0))} differences`,
    ],
    ['From', from],
    ['When', at],
    ['Nodes compared of each layer', result.sample == null ? 'all' : String(result.sample)],
  ])
}

function identity({ layers }: Report): string {
  const groups = layers.flatMap(({ iden, fingerprint }) => {
    const slabs = Object.entries(fingerprint)
    if (slabs.length === 0) return []
    const rows = slabs.map(([slab, { digest, pages, rows: count, transaction }]) => [
      slab,
      digest,
      pages,
      count,
      transaction,
    ])
    return [{ name: iden, rows }]
  })
  if (groups.length === 0) return '<p>No fingerprint is recorded.</p>'
  return `<p class="mute">XXH64 of the slab's structure and of its pages; of files over 32 MiB, of pages spread over the file. It tells one backup from another, but it does not protect against forgery.</p>${groupedTableHtml('Identity of the source', ['Slab', 'fingerprint', 'pages', 'rows', 'transaction'], groups)}`
}

function hashesOf({ sha256 }: Report): string {
  if (sha256 === null) return '<p>Nothing was hashed.</p>'
  return `<p class="mute">Of a slab, the pages in use: <code>head -c BYTES FILE | sha256sum</code> gives the same.</p>${tableHtml(
    'SHA-256',
    ['File', 'bytes', 'SHA-256'],
    sha256.map(({ path, bytes, sha256: hash }) => [path, bytes, hash]),
  )}`
}

function nextStep({ title, text, commands }: Report['next_steps'][number]): string {
  const code = commands.length === 0 ? '' : `<pre><code>${commands.map(esc).join('\n')}</code></pre>`
  return `<h3>${esc(title)}</h3><p>${esc(text)}</p>${code}`
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`
}

function sentence(text: string): string {
  // Do not capitalize a file name.
  const start = /^\S+\.\w/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1)
  return start.endsWith('.') ? start : `${start}.`
}

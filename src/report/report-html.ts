import { createHash } from 'node:crypto'
import { count as n } from '../text/table.js'
import type { Report } from './report-schema.js'
import type { RunRecord } from './run-history.js'
import { throughputSvg } from './throughput-svg.js'
import { waitsSvg } from './waits-svg.js'

const STYLE = `
:root{color-scheme:light dark;--fg:#1b1f24;--bg:#fff;--soft:#f1f3f5;--line:#c9ced4;--mute:#4d5661;--good:#14612b;--bad:#9c1c1c;--warn:#734d00;--mark:#1d5fbf}
@media (prefers-color-scheme:dark){:root{--fg:#e6e9ec;--bg:#14171a;--soft:#1f2429;--line:#3b434b;--mute:#aab4be;--good:#74d28f;--bad:#ff9c94;--warn:#f0c260;--mark:#7fb2ff}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:70rem;font:1rem/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:.5rem 0}h2{font-size:1.2rem;margin:2rem 0 .5rem}h3{font-size:1rem;margin:1.2rem 0 .3rem}
.verdict{border-left:.4rem solid var(--warn);padding:.6rem 1rem;background:var(--soft)}.verdict p{margin:.2rem 0}
.verdict strong{color:var(--warn)}.complete{border-color:var(--good)}.complete strong{color:var(--good)}.bad{border-color:var(--bad)}.bad strong{color:var(--bad)}
.scroll{overflow-x:auto}table{border-collapse:collapse;min-width:100%}
th,td{text-align:left;vertical-align:top;padding:.25rem .6rem;border-bottom:1px solid var(--line)}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td{min-width:6rem}th{overflow-wrap:normal}.off{color:var(--bad);font-weight:600}.mute{color:var(--mute)}
dl{display:grid;grid-template-columns:minmax(8rem,auto) 1fr;gap:.2rem 1rem;margin:.5rem 0}dt{color:var(--mute)}dd{margin:0}
pre{background:var(--soft);padding:.6rem;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere}code{font-family:ui-monospace,monospace;font-size:.9em}
svg{max-width:100%;height:auto;display:block}svg text{fill:var(--fg);font-size:12px}svg .line{fill:none;stroke:var(--mark);stroke-width:2}svg .axis{stroke:var(--line)}svg .work{fill:var(--mark)}svg .writer{fill:var(--warn)}svg .disk{fill:var(--bad)}svg .idle{fill:var(--line)}
@media (max-width:40rem){body{padding:.6rem}dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}}
@media print{:root{--fg:#000;--bg:#fff;--soft:#fff;--mute:#333}body{max-width:none;padding:0}.scroll{overflow:visible}h2{break-after:avoid}tr{break-inside:avoid}}
`

/** The report as one page that asks for nothing and runs nothing: its policy allows its own style and no more. */
export function reportHtml(report: Report): string {
  const styleHash = createHash('sha256').update(STYLE).digest('base64')
  const policy = `default-src 'none'; style-src 'sha256-${styleHash}'; img-src data:; base-uri 'none'; form-action 'none'`
  const sections = [
    head(report),
    section('What this report does not cover', list(report.not_looked_at)),
    section('Counts by layer', layerTable(report)),
    ...report.layers.filter(({ forms }) => forms.length > 0).map(formSection),
    section('Errors', errorsOf(report)),
    section('Steps', stepTable(report)),
    section('Runs', report.runs.length === 0 ? '<p>None is recorded.</p>' : report.runs.map(runOf).join('')),
    section('Comparison with the source', verifyOf(report)),
    section('Identity of the source', identity(report)),
    section('SHA-256', hashesOf(report)),
    section('Next steps', report.next_steps.map(nextStep).join('')),
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
<style>${STYLE}</style>
</head>
<body>
<main>
${sections.join('\n')}
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
${facts([
  ['Source', source],
  ['Destination', dest],
  ['Iden of the Cortex', cell_guid],
  ['Cortex version of the source', source_version],
  ['Report made', `${made_at} by ${made_by}`],
])}`
}

function layerTable({ layers }: Report): string {
  const rows = layers.flatMap(({ iden, nodes, nodedata, splices }) => [
    [iden, 'nodes', ...countCells(nodes)],
    [iden, 'node data', ...countCells(nodedata)],
    [iden, splices === null ? 'splices' : `splices (as ${n(splices.node_edits)} node edits)`, ...countCells(splices)],
  ])
  if (rows.length === 0) return '<p>No layer is recorded.</p>'
  return table(['Layer', 'of', 'source', 'migrated', 'difference'], rows)
}

function countCells(counts: { source: number; dest: number; difference: number } | null): Cell[] {
  return counts === null ? [null, null, null] : [counts.source, counts.dest, delta(counts.difference)]
}

function formSection({ iden, forms }: Report['layers'][number]): string {
  const rows = forms.map(({ form, source, dest, difference }) => [form, source, dest, delta(difference)])
  return section(
    `Forms of layer ${iden}`,
    `<p class="mute">Form rows of this layer in the source, and those written. Nodes whose form row is in a layer below are not among them.</p>${table(['Form', 'source', 'migrated', 'difference'], rows)}`,
  )
}

function errorsOf({ errors: { total, kinds }, verdict }: Report): string {
  const where = verdict.status === 'dry run' ? 'found by the dry run' : 'in the migration log'
  if (kinds.length === 0) return `<p>None ${where}.</p>`
  const parts = kinds.map(({ step, code, errors, is_note, meaning, cure, examples }) => {
    const shown = examples.map(({ layer, form, what, message }) => [layer, form, what, message])
    return `<h3>${n(errors)} ${esc(step)} ${esc(code)}${is_note ? ' (note)' : ''}</h3><p>${esc(meaning)}. ${esc(cure)}.</p>${shown.length === 0 ? '' : table(['Layer', 'form', 'what', 'message'], shown)}`
  })
  return `<p>${n(total)} ${where}; notes are not counted.</p>${parts.join('')}`
}

function stepTable({ steps }: Report): string {
  if (steps.length === 0) return '<p>None is recorded.</p>'
  return table(
    ['Step', 'of', 'ended', 'ms'],
    steps.map(({ step, of, ended_at, elapsed_ms }) => [step, of, ended_at, elapsed_ms]),
  )
}

function runOf(run: RunRecord, at: number): string {
  const { version, startedMs, endedMs, exitCode, failure, options, host, notes, isDryRun } = run
  const shown = Object.entries(options).flatMap(([name, value]) =>
    value === null || value === false || (Array.isArray(value) && value.length === 0)
      ? []
      : [`--${name} ${String(value)}`],
  )
  const ended = endedMs === null ? 'no end recorded' : `${new Date(endedMs).toISOString()}, exit code ${exitCode}`
  return `<h3>Run ${at + 1}${isDryRun ? ' (dry)' : ''}</h3>
${facts([
  ['Started', new Date(startedMs).toISOString()],
  ['Ended', ended],
  ['Elapsed', endedMs === null ? null : `${((endedMs - startedMs) / 1000).toFixed(1)} s`],
  ['Stopped by', failure?.message ?? null],
  ['What to do', failure?.hint ?? null],
  ['Program', `synapse-migrator ${version}, Node ${host.node}`],
  ['Host', `${host.name}, ${host.system}, ${host.cores} cores, ${n(host.memoryBytes)} bytes of memory`],
  ['Options', shown.join(' ')],
  ['Notes', notes.length === 0 ? null : notes.join('; ')],
])}${throughputSvg(run, esc)}${waitsSvg(run, esc)}`
}

function verifyOf({ verify }: Report): string {
  if (verify === null) return '<p>No result is recorded: the rows were not compared with the source.</p>'
  const { from, at, result } = verify
  return facts([
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
  const rows = layers.flatMap(({ iden, fingerprint }) =>
    Object.entries(fingerprint).map(([slab, { digest, pages, rows: count, transaction }]) => [
      iden,
      slab,
      digest,
      pages,
      count,
      transaction,
    ]),
  )
  if (rows.length === 0) return '<p>No fingerprint is recorded.</p>'
  return `<p class="mute">XXH64 of the slab's structure and of its pages; of files over 32 MiB, of pages spread over the file. It tells one backup from another, but it does not protect against forgery.</p>${table(['Layer', 'slab', 'fingerprint', 'pages', 'rows', 'transaction'], rows)}`
}

function hashesOf({ sha256 }: Report): string {
  if (sha256 === null) return '<p>Nothing was hashed.</p>'
  return `<p class="mute">Of a slab, the pages in use: <code>head -c BYTES FILE | sha256sum</code> gives the same.</p>${table(
    ['File', 'bytes', 'SHA-256'],
    sha256.map(({ path, bytes, sha256: hash }) => [path, bytes, hash]),
  )}`
}

function nextStep({ title, text, commands }: Report['next_steps'][number]): string {
  const code = commands.length === 0 ? '' : `<pre><code>${commands.map(esc).join('\n')}</code></pre>`
  return `<h3>${esc(title)}</h3><p>${esc(text)}</p>${code}`
}

function section(title: string, content: string): string {
  return `<section><h2>${esc(title)}</h2>${content}</section>`
}

function list(items: readonly string[]): string {
  return items.length === 0 ? '<p>Nothing.</p>' : `<ul>${items.map((item) => `<li>${esc(item)}</li>`).join('')}</ul>`
}

function facts(rows: readonly (readonly [string, string | null])[]): string {
  const shown = rows.filter(([, value]) => value !== null && value !== '')
  return `<dl>${shown.map(([name, value]) => `<dt>${esc(name)}</dt><dd>${esc(value ?? '')}</dd>`).join('')}</dl>`
}

type Cell = string | number | null | { readonly delta: number }

function delta(value: number): Cell {
  return { delta: value }
}

/** In a region of its own that scrolls, as a phone is narrow; it takes the focus so that keys can scroll it. */
function table(heads: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const isNumber = heads.map((_, at) => rows.every((row) => row[at] !== null && typeof row[at] !== 'string'))
  const th = heads.map((name, at) => `<th scope="col"${isNumber[at] ? ' class="n"' : ''}>${esc(name)}</th>`).join('')
  const tr = rows.map((row) => `<tr>${row.map(td).join('')}</tr>`).join('\n')
  return `<div class="scroll" tabindex="0"><table><thead><tr>${th}</tr></thead><tbody>${tr}</tbody></table></div>`
}

function td(cell: Cell): string {
  if (cell === null) return '<td class="mute">not known</td>'
  if (typeof cell === 'string') return `<td><bdi>${esc(cell)}</bdi></td>`
  if (typeof cell === 'number') return `<td class="n">${n(cell)}</td>`
  return `<td class="n${cell.delta === 0 ? '' : ' off'}">${cell.delta > 0 ? '+' : ''}${n(cell.delta)}</td>`
}

/** Text of whoever wrote the Cortex: it is shown, and does nothing. What would turn the text around is shown as its number. */
function esc(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
    .replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029\p{Cs}]/gu, (char) =>
      char === '\n' ? char : `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
    )
}

import { createHash } from 'node:crypto'
import { escapeHtml as escaped } from '../../text/html.js'
import { count } from '../../text/table.js'
import type { LayerState, SyncState, TaskState } from '../api.js'
import { isSourceUp, PULL_TEXTS, timeText } from '../status.js'

const REFRESH_SECONDS = 5

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2330; --dim: #5b6675; --line: #d9dee6; --page: #f6f7f9; --card: #fff;
  --good: #0a6b3d; --good-bg: #e3f4ea; --wait: #7a4d00; --wait-bg: #fdf1d8; --bad: #a3201d; --bad-bg: #fde7e6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --dim: #9aa5b5; --line: #323a47; --page: #14181f; --card: #1c222c;
  --good: #7edca8; --good-bg: #14382a; --wait: #f2c76b; --wait-bg: #3b2e10; --bad: #ff9d97; --bad-bg: #431c1b; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 1.5rem clamp(1rem, 4vw, 3rem); background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
main { max-width: 72rem; margin: 0 auto; }
h1 { font-size: 1.25rem; margin: 0 0 1rem; }
h2 { font-size: 1rem; margin: 0; font-family: ui-monospace, monospace; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 1rem 1.25rem; margin: 0 0 1rem; }
.verdict { font-weight: 600; border-width: 0 0 0 6px; border-style: solid; }
.verdict.good { background: var(--good-bg); color: var(--good); border-color: var(--good); }
.verdict.wait { background: var(--wait-bg); color: var(--wait); border-color: var(--wait); }
.verdict p, .verdict ul { margin: 0; }
.verdict ul { font-weight: 400; }
ul { margin: .25rem 0; padding-left: 1.25rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem 1.5rem; margin: .75rem 0 0; }
section > dl:first-child { margin-top: 0; }
dt { color: var(--dim); font-size: .8125rem; }
dd { margin: 0; font-variant-numeric: tabular-nums; }
progress { display: block; appearance: none; width: 100%; height: 6px; border: 0; margin-top: .75rem; background: var(--line);
  border-radius: 3px; overflow: hidden; }
progress::-webkit-progress-bar { background: var(--line); }
progress::-webkit-progress-value { background: var(--good); }
progress::-moz-progress-bar { background: var(--good); }
progress.stale::-webkit-progress-value { background: var(--dim); }
progress.stale::-moz-progress-bar { background: var(--dim); }
.bad { color: var(--bad); }
.note { background: var(--bad-bg); color: var(--bad); border-radius: 6px; padding: .5rem .75rem; margin: .75rem 0 0; }
.note + .note { margin-top: .5rem; }
@media (max-width: 40rem) { dl { grid-template-columns: repeat(auto-fit, minmax(7.5rem, 1fr)); gap: .75rem 1rem; } }
a { color: inherit; }
.dim, footer { color: var(--dim); font-size: .875rem; }
`

/** The Content-Security-Policy allows this style and nothing else. */
export const STYLE_HASH = `sha256-${createHash('sha256').update(STYLE).digest('base64')}`

/** The query for a page that does not reload. */
export const STILL_QUERY = '?still'

/**
 * The status page: one HTML document without scripts or further requests. Reloads every few seconds unless `isStill`.
 */
export function statusPage(state: SyncState, { now = Date.now(), isStill = false } = {}): string {
  const turn = isStill
    ? `as of then: <a href="?">reload every ${REFRESH_SECONDS} seconds</a>`
    : `reloaded every ${REFRESH_SECONDS} seconds: <a href="${STILL_QUERY}">stop reloading</a>`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${isStill ? '' : `<meta http-equiv="refresh" content="${REFRESH_SECONDS}">\n`}<title>${state.canCutover ? 'Ready to cut over' : state.syncing ? 'Syncing' : 'Stopped'} - Synapse sync</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Synapse 0.1.x to 2.x sync</h1>
${verdict(state)}
<section>
<dl>
${fact('Sync', state.syncing ? 'running' : 'stopped')}
${fact('Source', versionText(state.sourceVersion))}
${fact('Destination', versionText(state.destVersion))}
${fact('Migration mode', modeText(state))}
</dl>
${notes(state.migrationModeError === null ? [] : [state.migrationModeError])}
</section>
${state.layers.map((layer) => layerSection(layer, state.cutoverBlockers)).join('\n')}
${state.layers.length === 0 ? '<section class="dim">No layer was ever started.</section>' : ''}
<section><strong>To redo by hand</strong>${list(state.notCarried)}</section>
<section><strong>Not looked at</strong>${list(state.notLookedAt)}</section>
<footer>${escaped(timeText(now) ?? '')} UTC, ${turn}</footer>
</main>
</body>
</html>
`
}

function verdict(state: SyncState): string {
  if (state.canCutover) {
    return '<section class="verdict good"><p>Ready to cut over: the destination has everything that splices carry.</p></section>'
  }
  return `<section class="verdict wait"><p>Not ready to cut over</p>${list([...new Set(state.cutoverBlockers)])}</section>`
}

/** @param told what the page already says; we do not repeat it for the layer */
function layerSection(layer: LayerState, told: readonly string[]): string {
  const { sourceTip: tip, pushOffset: done } = layer
  const share = tip === null || tip === 0 ? null : Math.min(100, Math.floor((done / tip) * 1000) / 10)
  // While the source is away, a full bar only means that we have everything up to the last time we saw it.
  const stale = isSourceUp(layer) ? '' : ' class="stale"'
  const bar =
    share === null ? '' : `<progress max="100" value="${share}"${stale} aria-label="${share}% acknowledged"></progress>`
  return `<section>
<h2>${escaped(layer.iden)}</h2>
${bar}
<dl>
${fact('Acknowledged', tip === null ? count(done) : `${count(done)} of ${count(tip)}`)}
${fact('Read', count(layer.pullOffset))}
${fact('In flight', count(layer.inFlight))}
${fact('Queue', layer.queue === null ? '-' : count(layer.queue.length))}
${fact('Behind', lagText(layer))}
${fact('Rate', `${count(Math.round(layer.rate))} splices/s`)}
${fact('Reading', `${pullText(layer)} (${taskText(layer.pullTask)})`)}
${fact('Writing', layer.destUp ? taskText(layer.pushTask) : `not now (${taskText(layer.pushTask)})`)}
${fact('Errors', count(layer.errorCount), layer.errorCount > 0)}
</dl>
${notes([...failures(layer), ...layer.notes].filter((note) => !told.some((each) => each.includes(note))))}
</section>`
}

function failures(layer: LayerState): string[] {
  return [layer.pullTask, layer.pushTask].flatMap((task) => (task.status === 'exception' ? [task.message] : []))
}

function pullText({ pullStatus }: LayerState): string {
  return pullStatus === null ? '-' : PULL_TEXTS[pullStatus]
}

function taskText(task: TaskState): string {
  return task.status === 'none' ? 'not started' : task.status
}

function lagText(layer: LayerState): string {
  const { lagSplices, lagSeconds } = layer
  if (lagSplices === null) return 'unknown'
  const known = `${count(lagSplices)} splices${lagSeconds === null ? '' : `, ${duration(lagSeconds)}`}`
  if (!isSourceUp(layer)) return `unknown; ${known} when the source was last seen`
  return lagSplices === 0 ? 'nothing' : known
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`
  return `${count(Math.round(seconds / 3600))} h`
}

function modeText({ migrationMode: mode, migrationModeOverride: override }: SyncState): string {
  const now = mode === null ? 'unknown' : mode ? 'on' : 'off'
  return override === null ? `${now} (automatic)` : `${now} (always ${override ? 'on' : 'off'})`
}

function versionText(version: readonly number[] | null): string {
  return version === null ? 'not connected' : version.join('.')
}

function fact(name: string, value: string, bad = false): string {
  return `<div><dt>${escaped(name)}</dt><dd${bad ? ' class="bad"' : ''}>${escaped(value)}</dd></div>`
}

function notes(texts: readonly string[]): string {
  return texts.map((text) => `<p class="note">${escaped(text)}</p>`).join('\n')
}

function list(texts: readonly string[]): string {
  return `<ul>${texts.map((text) => `<li>${escaped(text)}</li>`).join('')}</ul>`
}

import { escapeHtml as esc } from '../text/html.js'
import type { RunRecord } from './run-history.js'

const WIDTH = 640
const HEIGHT = 100
/** With less thread time than this, the shares mean nothing. */
const LEAST_MS = 100

type WaitSample = NonNullable<RunRecord['waits']>[number]
const NOTHING_YET: WaitSample = { elapsedMs: 0, workMs: 0, writerMs: 0, diskMs: 0, idleMs: 0 }

type Kind = 'work' | 'writer' | 'disk' | 'idle'

const KINDS: readonly { readonly kind: Kind; readonly name: string }[] = [
  { kind: 'work', name: 'at work' },
  { kind: 'writer', name: 'waiting for the writer' },
  { kind: 'disk', name: 'waiting for the disk' },
  { kind: 'idle', name: 'without work' },
]

/** How the worker threads of a run spent their time: stacked shares over time, with the work at the bottom. */
export function waitsSvg({ waits = [] }: RunRecord): string {
  const last = waits[waits.length - 1]
  if (last === undefined || sumOf(last) < LEAST_MS || last.idleMs === sumOf(last)) return ''
  const all = sharesOf(last, NOTHING_YET)
  const percent = (kind: Kind) => `${Math.round(100 * all[kind])}%`
  const title =
    `Worker threads: ${percent('work')} of their time at work, ${percent('writer')} waiting for the writer, ` +
    `${percent('disk')} for the disk, ${percent('idle')} without work`
  const legend = KINDS.map(({ kind, name }) => `<li><i class="${kind}"></i>${esc(name)}</li>`)
  return (
    `<figure><figcaption>${esc(title)}</figcaption><ul class="legend" aria-hidden="true">${legend.join('')}</ul>` +
    `<svg aria-hidden="true" viewBox="0 0 ${WIDTH} ${HEIGHT + 1}">${areas([NOTHING_YET, ...waits])}` +
    `<line class="axis" x1="0" y1="${HEIGHT}" x2="${WIDTH}" y2="${HEIGHT}"/></svg></figure>`
  )
}

/** A column for the time between two samples. */
function areas(waits: readonly WaitSample[]): string {
  const [first, last] = [waits[0], waits[waits.length - 1]]
  const xOf = ({ elapsedMs }: WaitSample) =>
    ((elapsedMs - first.elapsedMs) / Math.max(1, last.elapsedMs - first.elapsedMs)) * WIDTH
  return waits
    .slice(1)
    .flatMap((sample, at) => {
      const before = waits[at]
      if (sumOf(sample) <= sumOf(before)) return []
      const shares = sharesOf(sample, before)
      let bottom = HEIGHT
      return KINDS.map(({ kind }) => {
        const height = shares[kind] * HEIGHT
        bottom -= height
        const [x, width] = [xOf(before), xOf(sample) - xOf(before)]
        return `<rect class="${kind}" x="${x.toFixed(1)}" y="${bottom.toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}"/>`
      })
    })
    .join('')
}

function sharesOf(now: WaitSample, then: WaitSample): Record<Kind, number> {
  const sum = sumOf(now) - sumOf(then)
  return {
    work: (now.workMs - then.workMs) / sum,
    writer: (now.writerMs - then.writerMs) / sum,
    disk: (now.diskMs - then.diskMs) / sum,
    idle: (now.idleMs - then.idleMs) / sum,
  }
}

function sumOf({ workMs, writerMs, diskMs, idleMs }: WaitSample): number {
  return workMs + writerMs + diskMs + idleMs
}

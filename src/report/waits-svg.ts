import type { RunRecord } from './run-history.js'

const WIDTH = 640
const LEFT = 8
const TOP = 44
const HEIGHT = 144
const LEGEND_Y = 34
const SQUARE = 10
/** Wide enough for the longest of its texts. */
const LEGEND_COLUMNS = 156
/** Less time of a thread tells nothing. */
const LEAST_MS = 100

type WaitSample = NonNullable<RunRecord['waits']>[number]
type Kind = 'work' | 'writer' | 'disk' | 'idle'

const KINDS: readonly { readonly kind: Kind; readonly name: string }[] = [
  { kind: 'work', name: 'at work' },
  { kind: 'writer', name: 'waiting for the writer' },
  { kind: 'disk', name: 'waiting for the disk' },
  { kind: 'idle', name: 'without work' },
]

/** What the worker threads of a run did with their time, over its time: shares on top of each other, the work at the bottom. */
export function waitsSvg({ waits = [] }: RunRecord, esc: (text: string) => string): string {
  const last = waits[waits.length - 1]
  if (last === undefined || sumOf(last) < LEAST_MS) return ''
  const all = sharesOf(last, { elapsedMs: 0, workMs: 0, writerMs: 0, diskMs: 0, idleMs: 0 })
  const percent = (kind: Kind) => `${Math.round(100 * all[kind])}%`
  const title =
    `Worker threads: ${percent('work')} of their time at work, ${percent('writer')} waiting for the writer, ` +
    `${percent('disk')} for the disk, ${percent('idle')} without work`
  const legend = KINDS.map(({ kind, name }, at) => {
    const x = LEFT + at * LEGEND_COLUMNS
    return (
      `<rect class="${kind}" x="${x}" y="${LEGEND_Y - SQUARE}" width="${SQUARE}" height="${SQUARE}"/>` +
      `<text x="${x + SQUARE + 4}" y="${LEGEND_Y}">${esc(name)}</text>`
    )
  })
  return (
    `<svg role="img" aria-label="${esc(title)}" viewBox="0 0 ${WIDTH} ${HEIGHT + 4}" width="${WIDTH}" height="${HEIGHT + 4}">` +
    `<text x="${LEFT}" y="14">${esc(title)}</text>${legend.join('')}${areas(waits)}` +
    `<line class="axis" x1="${LEFT}" y1="${HEIGHT}" x2="${WIDTH - LEFT}" y2="${HEIGHT}"/></svg>`
  )
}

/** A column for each span between two samples. */
function areas(waits: readonly WaitSample[]): string {
  const [first, last] = [waits[0], waits[waits.length - 1]]
  const xOf = ({ elapsedMs }: WaitSample) =>
    LEFT + ((elapsedMs - first.elapsedMs) / Math.max(1, last.elapsedMs - first.elapsedMs)) * (WIDTH - 2 * LEFT)
  return waits
    .slice(1)
    .flatMap((sample, at) => {
      const before = waits[at]
      if (sumOf(sample) <= sumOf(before)) return []
      const shares = sharesOf(sample, before)
      let bottom = HEIGHT
      return KINDS.map(({ kind }) => {
        const height = shares[kind] * (HEIGHT - TOP)
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

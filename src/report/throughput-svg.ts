import { count } from '../text/table.js'
import type { RunRecord } from './run-history.js'

const WIDTH = 640
const HEIGHT = 120
const LEFT = 8
const TOP = 20
/** Fewer points make no curve. */
const FEWEST_SAMPLES = 3

/** How fast each phase of a run was, over its time: a picture for each. */
export function throughputSvg({ samples, endedMs, startedMs }: RunRecord, esc: (text: string) => string): string {
  const phases = [...new Set(samples.map(({ phase }) => phase))]
  const drawn = phases.flatMap((phase) => {
    const own = samples.filter((sample) => sample.phase === phase)
    if (own.length < FEWEST_SAMPLES) return []
    return [picture(phase, own, esc, Math.max(own[own.length - 1].elapsedMs, (endedMs ?? startedMs) - startedMs))]
  })
  if (drawn.length > 0) return drawn.join('')
  return '<p class="mute">No curve of the throughput: the run was too short, or did not end.</p>'
}

function picture(phase: string, samples: RunRecord['samples'], esc: (text: string) => string, totalMs: number): string {
  const rates = samples.slice(1).flatMap((sample, at) => {
    const { elapsedMs, done } = samples[at]
    const spanMs = sample.elapsedMs - elapsedMs
    return spanMs <= 0 ? [] : [{ atMs: sample.elapsedMs, rate: ((sample.done - done) * 1000) / spanMs }]
  })
  const most = Math.max(1, ...rates.map(({ rate }) => rate))
  const points = rates.map(({ atMs, rate }) => {
    const x = LEFT + (atMs / Math.max(1, totalMs)) * (WIDTH - 2 * LEFT)
    return `${x.toFixed(1)},${(TOP + (1 - Math.max(0, rate) / most) * (HEIGHT - TOP)).toFixed(1)}`
  })
  const title = `${phase}: up to ${count(Math.round(most))} ${samples[0].unit}/s in ${(totalMs / 1000).toFixed(0)} s`
  return (
    `<svg role="img" aria-label="${esc(`Throughput of ${title}`)}" viewBox="0 0 ${WIDTH} ${HEIGHT + 4}" width="${WIDTH}" height="${HEIGHT + 4}">` +
    `<text x="${LEFT}" y="14">${esc(title)}</text><line class="axis" x1="${LEFT}" y1="${HEIGHT}" x2="${WIDTH - LEFT}" y2="${HEIGHT}"/>` +
    `<polyline class="line" points="${points.join(' ')}"/></svg>`
  )
}

import { escapeHtml as esc } from '../text/html.js'
import { count } from '../text/table.js'
import type { RunRecord } from './run-history.js'

const WIDTH = 640
const HEIGHT = 120
/** Room at the top, so that the line is not cut off. */
const TOP = 2
/** Fewer points do not make a curve. */
const FEWEST_SAMPLES = 3

/** The speed of each phase of a run over time, one picture each. */
export function throughputSvg({ samples, endedMs, startedMs }: RunRecord): string {
  const phases = [...new Set(samples.map(({ phase }) => phase))]
  const drawn = phases.flatMap((phase) => {
    const own = samples.filter((sample) => sample.phase === phase)
    if (own.length < FEWEST_SAMPLES) return []
    return [picture(phase, own, Math.max(own[own.length - 1].elapsedMs, (endedMs ?? startedMs) - startedMs))]
  })
  if (drawn.length > 0) return drawn.join('')
  return '<p class="mute">No curve of the throughput: the run was short, or it did not end.</p>'
}

function picture(phase: string, samples: RunRecord['samples'], totalMs: number): string {
  const rates = samples.slice(1).flatMap((sample, at) => {
    const { elapsedMs, done } = samples[at]
    const spanMs = sample.elapsedMs - elapsedMs
    return spanMs <= 0 ? [] : [{ atMs: sample.elapsedMs, rate: ((sample.done - done) * 1000) / spanMs }]
  })
  const most = Math.max(1, ...rates.map(({ rate }) => rate))
  const points = rates.map(({ atMs, rate }) => {
    const x = (atMs / Math.max(1, totalMs)) * WIDTH
    return `${x.toFixed(1)},${(TOP + (1 - Math.max(0, rate) / most) * (HEIGHT - TOP)).toFixed(1)}`
  })
  const span = `${(totalMs / 1000).toFixed(0)} s`
  const title = `Throughput of ${phase} over the ${span} of the run: at most ${count(Math.round(most))} ${samples[0].unit}/s`
  return (
    `<figure><figcaption>${esc(title)}</figcaption>` +
    `<svg aria-hidden="true" viewBox="0 0 ${WIDTH} ${HEIGHT + 1}"><line class="axis" x1="0" y1="${HEIGHT}" x2="${WIDTH}" y2="${HEIGHT}"/>` +
    `<polyline class="line" points="${points.join(' ')}"/></svg></figure>`
  )
}

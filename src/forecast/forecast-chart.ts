import type { Bound, Forecast } from './forecast.js'

const WIDTH = 640
const HEIGHT = 360
const LEFT = 70
const BOTTOM = 50
const TOP = 40
const COLORS: Readonly<Record<Bound, string>> = { cores: '#3b6ea5', 'writer thread': '#b5762a', disk: '#9b3b3b' }

/** A bar for each number of cores, colored by the bottleneck, as a self-contained SVG file. */
export function forecastChart(title: string, forecasts: readonly Forecast[]): string {
  const most = Math.max(...forecasts.map(({ elapsedMs }) => elapsedMs))
  const step = (WIDTH - LEFT - 20) / forecasts.length
  const scale = (HEIGHT - TOP - BOTTOM) / most
  const base = HEIGHT - BOTTOM
  const bars = forecasts.map(({ cores, elapsedMs, boundBy }, i) => {
    const x = LEFT + i * step + step * 0.15
    const height = elapsedMs * scale
    const middle = x + step * 0.35
    return [
      `<rect x="${px(x)}" y="${px(base - height)}" width="${px(step * 0.7)}" height="${px(height)}" fill="${COLORS[boundBy]}"/>`,
      `<text x="${px(middle)}" y="${px(base - height - 5)}" text-anchor="middle">${durationText(elapsedMs)}</text>`,
      `<text x="${px(middle)}" y="${base + 16}" text-anchor="middle">${cores}</text>`,
    ].join('\n  ')
  })
  const legend = Object.entries(COLORS).map(([bound, color], i) => {
    const x = LEFT + i * 170
    return `<rect x="${x}" y="${HEIGHT - 16}" width="10" height="10" fill="${color}"/><text x="${x + 15}" y="${HEIGHT - 7}">bound by ${bound}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
  <rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
  <text x="${LEFT}" y="22" font-size="15">${escaped(title)}</text>
  <text x="16" y="${base}" transform="rotate(-90 16 ${base})">time of the migration</text>
  <line x1="${LEFT}" y1="${base}" x2="${WIDTH - 20}" y2="${base}" stroke="#333"/>
  <text x="${WIDTH - 20}" y="${base + 32}" text-anchor="end">cores, one worker thread each</text>
  ${bars.join('\n  ')}
  ${legend.join('\n  ')}
</svg>
`
}

/** A duration for people. */
export function durationText(ms: number): string {
  if (ms < 100_000) return `${(ms / 1000).toFixed(1)} s`
  const minutes = ms / 60_000
  return minutes < 100 ? `${minutes.toFixed(1)} min` : `${(minutes / 60).toFixed(1)} h`
}

function px(value: number): string {
  return value.toFixed(1)
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`)
}

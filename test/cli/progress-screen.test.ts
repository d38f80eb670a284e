import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { barLine, ProgressScreen } from '../../src/cli/progress-screen.js'

const payload = {
  task: 'nodes 1a2b3c4d',
  count: '12,345,678',
  all: '98,765,432',
  unit: 'rows',
  rate: '123,456',
  left: '12 min 3 s',
}

test('barLine() fits the terminal: time left and percentage first, the rest where there is room', () => {
  for (const columns of [20, 40, 60, 80, 120, 200]) {
    for (const progress of [0, 0.5, 1]) assert.ok(barLine(payload, progress, columns).length < columns, `${columns}`)
  }
  assert.equal(barLine(payload, 0.125, 40), 'nodes 1a2b3c4d --- 12% | ETA 12 min 3 s'.replace('--- ', ''))
  assert.equal(
    barLine(payload, 0.5, 80),
    'nodes 1a2b3c4d =============------------- 50% | ETA 12 min 3 s | 123,456 rows/s',
  )
  assert.match(
    barLine(payload, 1, 200),
    /^nodes 1a2b3c4d ={40} 100% \| ETA 12 min 3 s \| 123,456 rows\/s \| 12,345,678 of 98,765,432 rows$/,
  )
})

test('ProgressScreen writes lines of the log whole and at once, above the bars', () => {
  const out = Object.assign(new PassThrough(), { isTTY: true, columns: 80 })
  const screen = new ProgressScreen(true, () => {}, out)
  screen.show({ phase: 'nodes', layer: '1a2b3c4d', done: 1, total: 2, unit: 'rows' })
  out.read()
  const line = `${'a long line '.repeat(20)}\n`
  screen.write(line)
  const written = String(out.read())
  // Long lines are wrapped, and of the bar nothing is left behind them.
  assert.ok(written.includes(`\x1b[?7h\x1b[J${line}\x1b[?7l`), JSON.stringify(written))
  assert.ok(written.indexOf('nodes 1a2b3c4d') > written.indexOf(line), JSON.stringify(written))
  screen.stop()
})

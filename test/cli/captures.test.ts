import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ProgressScreen } from '../../src/cli/progress-screen.js'
import type { ProgressPhase, RunGauges } from '../../src/migrate/progress.js'
import { tempDir, unpack } from '../support/cortex.js'
import { FakeTerminal } from '../support/fake-terminal.js'

const DOC = 'docs/terminal.md'
const LAYER = '1e4da3cc0b6f44d5a0f2f6a1b2c3d4e5'
const ROWS = 4_000_000
const PARTS = 200
const [CELL_MS, NODES_MS, SPLICES_MS, INDEXES_MS] = [1000, 30_000, 40_000, 12_000]
/** What a resumed run finds done. */
const RESUMED_PART = 0.5

/** A run of two threads on a clock of its own; what it says of its memory is made the same everywhere. */
function play(columns: number, { untilMs, isTerminal = true, isResumed = false, isEnded = false }: Played): string[] {
  let nowMs = 0
  const out = new FakeTerminal(columns)
  const said: string[] = []
  const line = (text: string) => said.push(text)
  const screen = new ProgressScreen({ isTerminal, line, out, now: () => nowMs })
  const working = (from: number, ms: number) => Math.min(Math.max(0, nowMs - from), ms)
  const from = isResumed ? RESUMED_PART : 0
  const spanMs = { nodes: NODES_MS * (1 - from), splices: SPLICES_MS * (1 - from), indexes: INDEXES_MS }
  const startMs = { nodes: CELL_MS, splices: CELL_MS, indexes: CELL_MS + spanMs.splices }
  const doneMs = (phase: keyof typeof spanMs) => working(startMs[phase], spanMs[phase])
  const gauges: RunGauges = {
    workers: 2,
    waits: () => ({ workMs: 2 * nowMs, writerMs: 0, diskMs: 0, idleMs: 0 }),
    taskMs: (phase) => (phase in spanMs ? doneMs(phase as keyof typeof spanMs) : 0),
    runningMs: () => 0,
  }
  screen.watch(gauges)
  const total = (phase: ProgressPhase) => (phase === 'indexes' ? PARTS : ROWS)
  const phases = ['nodes', 'splices', 'indexes'] as const
  screen.plan([
    { phase: 'cell', layer: '', total: 1 },
    ...phases.map((phase) => ({ phase, layer: LAYER, total: phase === 'indexes' ? ROWS : total(phase) })),
    { phase: 'finish', layer: '', total: 1 },
  ])
  for (; nowMs <= untilMs; nowMs += 250) {
    if (nowMs === CELL_MS) screen.show({ phase: 'cell', layer: '', done: 1, total: 1, unit: 'steps' })
    for (const phase of phases) {
      if (nowMs < startMs[phase]) continue
      const before = phase === 'indexes' ? 0 : from
      const part = before + (1 - before) * (doneMs(phase) / spanMs[phase])
      const unit = phase === 'indexes' ? 'parts' : phase === 'nodes' ? 'rows' : 'splices'
      screen.show({ phase, layer: LAYER, done: Math.floor(part * total(phase)), total: total(phase), unit })
    }
    screen.look()
    if (nowMs === 10_000)
      screen.write(
        '2026-11-29 10:16:02,031 [WARNING] Layer 1e4da3cc keeps a feed position [migrate:synapse-migrator]\n',
      )
  }
  const shown = isTerminal ? out.lines : said
  const lines = shown.map((text) => text.replace(/\d+ MiB/, '290 MiB')).filter((text) => text !== '')
  screen.stop()
  if (isEnded) return out.lines
  return lines
}

interface Played {
  readonly untilMs: number
  readonly isTerminal?: boolean
  readonly isResumed?: boolean
  readonly isEnded?: boolean
}

const CAPTURES: readonly (readonly [title: string, lines: () => string[]])[] = [
  ['40 columns', () => play(40, { untilMs: 15_000 })],
  ['80 columns', () => play(80, { untilMs: 15_000 })],
  ['200 columns', () => play(200, { untilMs: 15_000 })],
  ['80 columns, when indexes are merged', () => play(80, { untilMs: 47_000 })],
  ['80 columns, two seconds after --from-last', () => play(80, { untilMs: 3000, isResumed: true })],
  ['80 columns, eight seconds after --from-last', () => play(80, { untilMs: 9000, isResumed: true })],
  ['In a pipe', () => play(80, { untilMs: 45_000, isTerminal: false })],
]

test('docs/terminal.md shows what a terminal of 40, 80 and 200 columns and a pipe get, after a resume too', () => {
  const text = readFileSync(DOC, 'utf8')
  const head = `${text.slice(0, text.indexOf('\n## ')).trimEnd()}\n`
  const made = CAPTURES.map(([title, lines]) => `## ${title}\n\n\`\`\`text\n${lines().join('\n')}\n\`\`\`\n`)
  const wanted = [head, ...made].join('\n')
  // After a change of the texts: WRITE_CAPTURES=1 node bin/run-tests.mjs captures
  if (process.env.WRITE_CAPTURES) writeFileSync(DOC, wanted)
  assert.equal(readFileSync(DOC, 'utf8'), wanted)
})

test('bars fit the terminal, and leave nothing but the log when they end', () => {
  for (const columns of [40, 80, 200]) {
    const shown = play(columns, { untilMs: 15_000 })
    assert.ok(shown.filter((line) => !line.includes('WARNING')).every((line) => line.length < columns))
    assert.deepEqual(
      play(columns, { untilMs: 15_000, isEnded: true }).map((line) => line.slice(0, 10)),
      ['2026-11-29', ''],
    )
  }
})

// `script` of util-linux gives a command a terminal; that of other systems takes other arguments.
if (process.platform === 'linux') {
  for (const columns of [40, 80, 200]) {
    test(`migrate_020 on a terminal of ${columns} columns draws bars that fit, and leaves its log and summary whole`, (t) => {
      const dir = tempDir(t)
      const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
      const command = `stty cols ${columns} rows 30; exec "${process.execPath}" bin/migrate_020.mjs --src "${src}" --dest "${dir}/dest" --workers 1 --verify`
      const { stdout, status } = spawnSync('script', ['-qec', command, '/dev/null'], { encoding: 'utf8' })
      assert.equal(status, 8, stdout)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what draws
      const drawn = stdout.split(/\x1b\[[?\d]*[A-Za-z]|\r|\n/).filter((text) => /^Phase \d/.test(text))
      assert.ok(drawn.length > 0, stdout)
      assert.deepEqual(
        drawn.filter((text) => text.length >= columns),
        [],
      )
      const out = new FakeTerminal(columns)
      out.write(stdout)
      const lines = out.lines.map((text) => text.trimEnd())
      assert.deepEqual(
        lines.filter((text) => /^(Phase \d|nodes|splices) /.test(text)),
        [],
      )
      assert.ok(lines.some((text) => text.startsWith(`Migrated ${src} to ${dir}/dest in `)))
      assert.ok(lines.includes('  to cure OWNER: Make the trigger, or the gate of the queue, in the new Cortex'))
      assert.ok(
        lines.some((text) =>
          /\[WARNING\] Layer 0b4eb4d9fb9d979464a52b2b803afb03 keeps a feed position.* is at 42/.test(text),
        ),
      )
    })
  }
}

// Index rows of a partition sorted and handed on: `node dist/bench/sort.bench.js`
import { KernelIndexRows } from '../src/kernel/index-rows.js'
import { kernel } from '../src/kernel/kernel.js'
import { SectionNotes } from '../src/run/section-notes.js'
import { generator, report } from './report.js'

const ROWS = 200_000
const GROUPS = 50

await report(`writeSection(), ${ROWS} rows in ${GROUPS} groups`, 'row', [
  sorting('20 random bytes', (random) => Buffer.from(Array.from({ length: 20 }, () => random(256)))),
  sorting('8 bytes, times close together', (random) => int64(1_546_300_800_000 + random(1e9))),
  sorting('text with a common start of 16 bytes', (random) => Buffer.from(`https://www.exa/${random(1e9)}`)),
  sorting('10 different texts', (random) => Buffer.from(`value ${random(10)}`)),
])

function sorting(name: string, index: (random: (limit: number) => number) => Buffer) {
  const random = generator()
  const rows = KernelIndexRows.make()
  for (let i = 0; i < ROWS; i++) {
    const bytes = index(random)
    rows.add(random(GROUPS), i, bytes, 0, bytes.length)
  }
  const first = Int32Array.from({ length: GROUPS }, (_, group) => group)
  rows.rank(rows.freshGroups(), { first, second: null })
  const { calls, runs } = kernel()
  const buids = calls.allocate(ROWS * 32)
  const out = calls.newRunOut(1 << 20)
  const notes = new SectionNotes()
  // The second field says how much there is to write.
  const flush = () => kernel().view.setUint32(out + 4, 0, true)
  runs.set(out, { flush })
  const run = () => {
    notes.clear()
    calls.writeSection(rows.at, buids, out, notes.at, 1 << 16)
  }
  return { name, items: ROWS, run }
}

function int64(value: number): Buffer {
  const out = Buffer.alloc(8)
  out.writeBigInt64BE(BigInt(value))
  return out
}

// The sort of index rows within a partition: `node dist/bench/sort.bench.js`
import { sortRows } from '../src/run/sort-rows.js'
import { IndexRows } from '../src/translate/index-rows.js'
import { generator, report } from './report.js'

const ROWS = 200_000
const GROUPS = 50

await report(`sortRows(), ${ROWS} rows in ${GROUPS} groups`, 'row', [
  sorting('20 random bytes', (random) => Buffer.from(Array.from({ length: 20 }, () => random(256)))),
  sorting('8 bytes, times close together', (random) => int64(1_546_300_800_000 + random(1e9))),
  sorting('text with a common start of 16 bytes', (random) => Buffer.from(`https://www.exa/${random(1e9)}`)),
  sorting('10 different texts', (random) => Buffer.from(`value ${random(10)}`)),
])

function sorting(name: string, index: (random: (limit: number) => number) => Buffer) {
  const random = generator()
  const rows = new IndexRows()
  for (let i = 0; i < ROWS; i++) {
    const bytes = index(random)
    rows.reserve().set(bytes, rows.used)
    rows.add(random(GROUPS), i, rows.used + bytes.length)
  }
  const rankOf = Int32Array.from({ length: GROUPS }, (_, group) => group)
  return { name, items: ROWS, run: () => void sortRows(rows, rankOf, GROUPS) }
}

function int64(value: number): Buffer {
  const out = Buffer.alloc(8)
  out.writeBigInt64BE(BigInt(value))
  return out
}

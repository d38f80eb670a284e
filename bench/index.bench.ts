// Index bytes of each stortype, of values that real Synapse has indexed: `node dist/bench/index.bench.js`
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { StorType, writeIndex } from '../src/stortype/registry.js'
import { report } from './report.js'

const VECTORS = fileURLToPath(new URL('../../test/fixtures/vectors/index.jsonl', import.meta.url))
/** Each value so often in a call. */
const TIMES = 200
interface Vector {
  readonly stortype: number
  readonly indx?: readonly string[]
  /** msgpack of the value, in hex; null where it has none. */
  readonly inx: string | null
}

const vectors = readFileSync(VECTORS, 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Vector)
const out = Buffer.alloc(4096)
const cases = Object.entries(StorType).flatMap(([name, stortype]) => {
  const values = vectors.flatMap((vector) => {
    const isIndexed = vector.stortype === stortype && vector.indx !== undefined && vector.inx !== null
    return isIndexed ? [Buffer.from(vector.inx, 'hex')] : []
  })
  const run = () => {
    for (let i = 0; i < TIMES; i++) for (const value of values) writeIndex(stortype, value, 0, value.length, out, 0)
  }
  return values.length === 0 ? [] : [{ name, items: TIMES * values.length, run }]
})

await report(`writeIndex() by stortype, ${vectors.length} vectors`, 'value', cases)

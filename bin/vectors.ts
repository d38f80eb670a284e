// Checks vectors made by real Synapse against this code: npm run vectors -- [--model FILE]… FILE…
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { Model } from '../src/model/model.js'
import { parseModelFile } from '../src/model/model-file.js'
import { checkVector, type Vector } from '../test/support/vector-check.js'

/** What "now" is in the vectors. */
const VECTOR_TIME_MS = 1577836800000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { model: { type: 'string', multiple: true, default: [] } },
})
const model = Model.core({ now: VECTOR_TIME_MS })
for (const file of values.model) model.addModelFile(parseModelFile(readFileSync(file, 'utf8'), file))

let passed = 0
let failed = 0
for (const file of positionals) {
  for (const { place, vector } of vectorsOf(file)) {
    const difference = checkVector(vector, model)
    if (difference === null) passed++
    else {
      failed++
      console.log(`${place}: ${JSON.stringify(vector).slice(0, 2000)}`)
      console.log(`  ${difference.what} expected ${JSON.stringify(difference.expected)}`)
      console.log(`  ${difference.what} got      ${JSON.stringify(difference.got)}`)
    }
  }
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

/** A `.json` file holds all in `vectors`, any other one a line. */
function* vectorsOf(file: string): Iterable<{ place: string; vector: Vector }> {
  const text = readFileSync(file, 'utf8')
  if (file.endsWith('.json')) {
    const { vectors } = JSON.parse(text) as { vectors: Vector[] }
    for (const [i, vector] of vectors.entries()) yield { place: `${file}[${i}]`, vector }
    return
  }
  for (const [i, line] of text.split('\n').entries()) {
    if (line !== '') yield { place: `${file}:${i + 1}`, vector: JSON.parse(line) as Vector }
  }
}

// Writes the schemas of what programs read into docs, from the built code: run it after a change of one of them.
import { writeFileSync } from 'node:fs'
import * as z from 'zod/mini'
import { reportSchema } from '../dist/src/report/report-schema.js'
import { jsonLine } from '../dist/src/status/line-schema.js'
import { outsideStatus } from '../dist/src/status/outside-status.js'

for (const [name, schema] of [
  ['report', reportSchema],
  ['json-lines', jsonLine],
  ['status', outsideStatus],
]) {
  writeFileSync(`docs/${name}.schema.json`, `${JSON.stringify(z.toJSONSchema(schema), null, 2)}\n`)
}

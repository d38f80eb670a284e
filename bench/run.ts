// Runs the benchmarks of single stages one after the other: `npm run bench -- [part of a name ...] [--out FILE]`
import { spawnSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { machineText } from './machine.js'

const DIR = fileURLToPath(new URL('.', import.meta.url))
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    /** Where the tables go as well, in Markdown. */
    out: { type: 'string' },
  },
})

const files = readdirSync(DIR)
  .filter((file) => file.endsWith('.bench.js'))
  .filter((file) => positionals.length === 0 || positionals.some((part) => file.includes(part)))
  .sort()
const parts = [`${machineText()}\n`]
console.log(parts[0])
for (const file of files) {
  const { status, stdout } = spawnSync(process.execPath, [join(DIR, file)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  process.stdout.write(stdout)
  parts.push(stdout)
  // One that fails does not take the others' figures away.
  if (status !== 0) {
    console.error(`${file} ended with exit code ${status}`)
    process.exitCode = 1
  }
}
if (values.out !== undefined) writeFileSync(values.out, parts.join('\n'))

// Places the chunks of three streams in turn and prints the state after each, until it is killed: slab-file-builder.test.ts.
import { SlabFileBuilder } from '../../src/page/slab-file-builder.js'
import { partOf } from './built-slab.js'

const file = SlabFileBuilder.create(process.argv[2])
const parts = [0, 1, 2].map(partOf)
for (let i = 0; i < parts[0].chunks.length; i++) {
  for (const [stream, { chunks }] of parts.entries()) {
    file.place(stream, chunks[i])
    file.sync()
    process.stdout.write(`${JSON.stringify(parts.map((_, known) => file.stateOf(known)))}\n`)
  }
}
setTimeout(() => process.exit(), 60_000)

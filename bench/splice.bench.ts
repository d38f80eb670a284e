// Splices to node edits: `node dist/bench/splice.bench.js`
import { join } from 'node:path'
import { reuseBuffer } from '../src/page/chunk-writer.js'
import { LeafBuilder } from '../src/page/leaf-builder.js'
import { readSource } from '../src/source/cortex-dir.js'
import { cortexModel } from '../src/source/cortex-model.js'
import { extractSplices } from '../src/stream/splice-extract.js'
import { workerStortypes } from '../src/stream/worker-state.js'
import { report } from './report.js'
import { scratchCortex } from './scratch-cortex.js'

const NODES = 10_000

const { src, layerDir } = await scratchCortex(NODES)
const { model } = cortexModel(readSource(src), [])
const stortypes = workerStortypes(model)
const extract = (rows: Pick<LeafBuilder, 'add'>) =>
  extractSplices({
    slabPath: join(layerDir, 'splices.lmdb'),
    start: 0,
    end: null,
    stortypes,
    rows,
    failure: ({ message }) => {
      throw new Error(message)
    },
  })
const { translated } = extract({ add: () => {} })

await report(`${translated} splices of ${NODES} nodes, one thread`, 'splice', [
  { name: 'read and translate, as verify does', items: translated, run: () => void extract({ add: () => {} }) },
  {
    name: 'read, translate and build pages in the kernel',
    items: translated,
    run: () => {
      const builder = new LeafBuilder({ dupSort: false, emit: ({ bytes }) => reuseBuffer(bytes) })
      extract(builder)
      builder.finish()
    },
  },
])

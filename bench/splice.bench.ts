// Splices to node edits: `node dist/bench/splice.bench.js`
import { join } from 'node:path'
import { Model } from '../src/model/model.js'
import { LeafBuilder } from '../src/page/leaf-builder.js'
import { readExtModel, readSource } from '../src/source/cortex-dir.js'
import { extractSplices } from '../src/task/splice-extract.js'
import { workerStortypes } from '../src/task/worker-state.js'
import { report } from './report.js'
import { scratchCortex } from './scratch-cortex.js'

const NODES = 10_000

const { src, layerDir } = await scratchCortex(NODES)
const model = Model.core()
const { props, univs, tagprops } = readExtModel(readSource(src).hive)
model.addExtendedModel({ props, univs, tagProps: tagprops })
const stortypes = workerStortypes(model.toJSON())
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
  { name: 'read and translate', items: translated, run: () => void extract({ add: () => {} }) },
  {
    name: 'and build pages',
    items: translated,
    run: () => {
      const builder = new LeafBuilder({ dupSort: false, emit: () => {} })
      extract(builder)
      builder.finish()
    },
  },
])

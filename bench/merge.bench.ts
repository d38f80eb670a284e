// Real sorted runs merged and made pages of, as a merge task does it: `node dist/bench/merge.bench.js`
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { byteListOf } from '../src/bytes/byte-list.js'
import { NullPort } from '../src/forecast/null-port.js'
import { planOf } from '../src/forecast/sample-work.js'
import { INDEX_DBS } from '../src/layout/dest-dbs.js'
import { mergeRuns } from '../src/migrate/tasks/merge-runs.js'
import { extractNodes } from '../src/migrate/tasks/node-extract.js'
import { Model } from '../src/model/model.js'
import { SlabReader } from '../src/page/page-reader.js'
import { planPartitions, rangesOf } from '../src/source/partitions.js'
import { type Case, report } from './report.js'
import { scratchCortex } from './scratch-cortex.js'

const NODES = 40_000

const { dir, layerDir } = await scratchCortex(NODES)
const runs = makeRuns()
const plan = planOf(runs)
const cases = INDEX_DBS.flatMap((db): Case[] => {
  const units = plan.units(db)
  const run = () => units.map((unit) => mergeRuns({ ...unit(), ...new NullPort().input() }).rows)
  const rows = run().reduce((sum, count) => sum + count, 0)
  return rows < 1000 ? [] : [{ name: db, items: rows, run }]
})
const all: Case = {
  name: 'all',
  items: cases.reduce((sum, { items }) => sum + items, 0),
  run: () => {
    for (const { run } of cases) run()
  },
}
await report(`merge of ${runs.length} runs of ${NODES} nodes and page building, one thread`, 'row', [...cases, all])

function makeRuns(): string[] {
  const slab = SlabReader.open(join(layerDir, 'layer.lmdb'))
  const db = slab.db('bybuid')
  if (db === undefined) throw new Error('the layer has no bybuid')
  const ranges = rangesOf(planPartitions([db], slab.pageSize, { workers: 2, memoryBytes: 2 ** 28 }), null)
  slab.close()
  const paths = ranges.map((range, partition) => {
    const path = join(dir, `${partition}.run`)
    extractNodes({
      layer: readdirSync(join(layerDir, '..'))[0],
      partition,
      layerPath: join(layerDir, 'layer.lmdb'),
      nodedataPath: join(layerDir, 'nodedata.lmdb'),
      otherLayerPaths: [],
      knownForms: [],
      ...range,
      borders: byteListOf([]),
      checks: true,
      mapPartial: false,
      isLayerMissing: false,
      model: Model.core().toJSON(),
      runPath: path,
      ...new NullPort().input(),
    })
    return path
  })
  return paths
}

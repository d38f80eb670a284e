import { bucketsOf } from '../bytes/buckets.js'
import { PairIndex } from '../bytes/pair-index.js'
import { assert } from '../errors.js'
import { INDEX_DBS, type IndexDb, keyOf } from '../layout/dest-dbs.js'
import { mergeRows, readBytesFor, SegmentReader } from './merger.js'
import { type NameNumbers, RunNamesUnion } from './name-union.js'
import { eachNodedata } from './nodedata-rows.js'
import { damagedRun, RUN_MAGIC } from './run-blocks.js'
import { type RunFooter, RunWriter } from './run-file.js'
import { readRunFooter } from './run-footer.js'

/**
 * The distance between entry points of a merged run: the run is long, and the coordinator keeps all of them in memory.
 */
export const MERGED_BLOCK_BYTES = 1 << 18

export interface MergeFilesInput {
  /** In partition order. */
  readonly paths: readonly string[]
  readonly outPath: string
}

/** A run to merge, with the merged run's rank for each of its ranks. */
interface Input {
  readonly path: string
  readonly footer: RunFooter
  readonly ranks: NameNumbers
}

/**
 * Merges runs of consecutive partitions into one, as if they had been a single partition. Reads each once, from start
 * to end.
 */
export function mergeRunFiles({ paths, outPath }: MergeFilesInput): { bytes: number } {
  const union = new RunNamesUnion()
  const met = paths.map((path) => {
    const footer = readRunFooter(path)
    if (footer === null) throw damagedRun(path, 'it is gone')
    return { path, footer, numbers: union.add(footer) }
  })
  const [propRanks, tagRanks, tagPropRanks] = [union.ranks('prop'), union.ranks('tag'), union.ranks('tagProp')]
  const inputs = met.map(({ path, footer, numbers: { prop, tag, tagProp } }): Input => {
    const ranks = {
      prop: prop.map((number) => propRanks[number]),
      tag: tag.map((number) => tagRanks[number]),
      tagProp: tagProp.map((number) => tagPropRanks[number]),
    }
    return { path, footer, ranks }
  })
  const run = new RunWriter(outPath, MERGED_BLOCK_BYTES)
  mergeSections(inputs, run)
  const start = run.position
  let count = 0
  for (const { path, footer, ranks } of inputs) {
    if (footer.nodedata.count === 0) continue
    eachNodedata(
      { path, start: footer.nodedata.start, end: footer.nodedata.end },
      (buf, buid, rank, valueStart, end) => {
        run.nodedata(buf, buid, ranks.prop[rank], buf.subarray(valueStart, end))
        count++
      },
    )
  }
  return run.finish({ ...union.sorted(), nodedata: { start, end: run.position, count } })
}

/** Sections come in the same order in all runs, so one reader per run goes through all of them. */
function mergeSections(inputs: readonly Input[], run: RunWriter): void {
  const readBytes = readBytesFor(inputs.length)
  const readers = inputs.map(({ path, footer }) => {
    return new SegmentReader({ path, start: RUN_MAGIC.length, end: footer.nodedata.start }, readBytes)
  })
  const emit = ({ buf, view, keyStart, keyEnd }: SegmentReader) => run.sortedRow(buf, view, keyStart, keyEnd)
  for (const db of INDEX_DBS) {
    const { pairs, lists } = groupsOf(inputs, db)
    const { ends, list, index } = bucketsOf(lists, pairs.size)
    const order = new Int32Array(pairs.size).map((_, group) => group)
    order.sort((x, y) => pairs.a[x] - pairs.a[y] || pairs.b[x] - pairs.b[y])
    for (const group of order) {
      run.beginGroup(pairs.a[group], pairs.b[group])
      const own: SegmentReader[] = []
      for (let place = group === 0 ? 0 : ends[group - 1]; place < ends[group]; place++) {
        const reader = readers[list[place]]
        const { starts, counts } = inputs[list[place]].footer.sections[db]
        assert(reader.position === starts[index[place]], () => `run "${inputs[list[place]].path}" is in another order`)
        reader.take(counts[index[place]])
        own.push(reader)
      }
      mergeRows(own, emit)
      run.endGroup()
    }
    run.endSection(db)
  }
  for (const reader of readers) reader.close()
}

/** The groups of a section in all runs, and for each run the numbers of its own groups. */
function groupsOf(inputs: readonly Input[], db: IndexDb): { pairs: PairIndex; lists: Int32Array[] } {
  const pairs = new PairIndex()
  const lists = inputs.map(({ footer, ranks }) => {
    const first = ranks[keyOf(db)[0]]
    const { a, b } = footer.sections[db]
    return a.map((rank, i) => pairs.id(first[rank], b[i] < 0 ? -1 : ranks.prop[b[i]]))
  })
  return { pairs, lists }
}

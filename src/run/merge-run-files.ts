import { bucketsOf } from '../bytes/buckets.js'
import { PairIndex } from '../bytes/pair-index.js'
import { assert } from '../errors.js'
import { INDEX_DBS, type IndexDb } from '../layout/dest-dbs.js'
import { mergeRows, readBytesFor, SegmentReader } from './merger.js'
import { NameUnion } from './name-union.js'
import { eachNodedata } from './nodedata-rows.js'
import { damagedRun, RUN_MAGIC } from './run-blocks.js'
import { type RunFooter, RunWriter } from './run-file.js'
import { readRunFooter } from './run-footer.js'

/** How far apart the entry points of a merged run are: it is long, and the coordinator keeps all of them. */
export const MERGED_BLOCK_BYTES = 1 << 18

export interface MergeFilesInput {
  /** In the order of the partitions. */
  readonly paths: readonly string[]
  readonly outPath: string
}

/** A run that is merged, with its own ranks led to those of the merged one. */
interface Input {
  readonly path: string
  readonly footer: RunFooter
  readonly props: Int32Array
  readonly tags: Int32Array
  readonly tagProps: Int32Array
}

/**
 * Merges runs of consecutive partitions to one, as if they had been one partition: each is read once, from its start to its end.
 */
export function mergeRunFiles({ paths, outPath }: MergeFilesInput): { rows: number; bytes: number } {
  const props = new NameUnion()
  const tags = new NameUnion()
  const tagProps = new NameUnion()
  const met = paths.map((path) => {
    const footer = readRunFooter(path)
    if (footer === null) throw damagedRun(path, 'it is gone')
    const { propNames, tagNames, tagPropNames } = footer
    return { path, footer, props: props.add(propNames), tags: tags.add(tagNames), tagProps: tagProps.add(tagPropNames) }
  })
  const [propRanks, tagRanks, tagPropRanks] = [props.ranks(), tags.ranks(), tagProps.ranks()]
  const inputs = met.map(
    (input): Input => ({
      ...input,
      props: input.props.map((id) => propRanks[id]),
      tags: input.tags.map((id) => tagRanks[id]),
      tagProps: input.tagProps.map((id) => tagPropRanks[id]),
    }),
  )
  const run = new RunWriter(outPath, MERGED_BLOCK_BYTES)
  const rows = mergeSections(inputs, run)
  const start = run.position
  let count = 0
  for (const { path, footer, props: ranks } of inputs) {
    if (footer.nodedata.count === 0) continue
    eachNodedata({ path, start: footer.nodedata.start, end: footer.nodedata.end }, (buf, at, end) => {
      run.nodedata(buf, at, ranks[buf.readUInt32LE(at + 32)], buf.subarray(at + 40, end))
      count++
    })
  }
  const { bytes } = run.finish({
    propNames: props.sorted(),
    tagNames: tags.sorted(),
    tagPropNames: tagProps.sorted(),
    nodedata: { start, end: run.position, count },
  })
  return { rows: rows + count, bytes }
}

/** Sections follow each other in all runs alike, so one reader of each goes through all of them. */
function mergeSections(inputs: readonly Input[], run: RunWriter): number {
  const readBytes = readBytesFor(inputs.length)
  const readers = inputs.map(({ path, footer }) => {
    return new SegmentReader({ path, start: RUN_MAGIC.length, end: footer.nodedata.start }, readBytes)
  })
  let rows = 0
  const emit = ({ buf, view, keyStart, keyEnd }: SegmentReader) => {
    run.sortedRow(buf, view, keyStart, keyEnd)
    rows++
  }
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
  return rows
}

/** The groups of a section of all runs, and of each run the numbers of its own ones. */
function groupsOf(inputs: readonly Input[], db: IndexDb): { pairs: PairIndex; lists: Int32Array[] } {
  const pairs = new PairIndex()
  const lists = inputs.map(({ footer, props, tags, tagProps }) => {
    const first = db === 'bytag' ? tags : db === 'bytagprop' ? tagProps : props
    const { a, b } = footer.sections[db]
    return a.map((rank, i) => pairs.id(first[rank], b[i] < 0 ? -1 : props[b[i]]))
  })
  return { pairs, lists }
}

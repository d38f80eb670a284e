import { bucketsOf } from '../bytes/buckets.js'
import { PairIndex } from '../bytes/pair-index.js'
import { assert } from '../errors.js'
import { INDEX_DBS, type IndexDb, keyOf } from '../layout/dest-dbs.js'
import { type NameNumbers, RunNamesUnion } from './name-union.js'
import { eachNodedata } from './nodedata-rows.js'
import { damagedRun, RUN_MAGIC } from './run-blocks.js'
import { type RunFooter, RunWriter } from './run-file.js'
import { readRunFooter } from './run-footer.js'
import { RunMerge } from './run-merge.js'

/**
 * The distance between entry points of a merged run: the run is long, and the coordinator keeps all of them in memory.
 */
export const MERGED_BLOCK_BYTES = 1 << 18

export interface MergeFilesInput {
  /** Files of one or more runs, in partition order. */
  readonly paths: readonly string[]
  readonly outPath: string
}

/** A file of runs, with the merged run's rank for each of its ranks. */
interface Input {
  readonly path: string
  readonly footer: RunFooter
  readonly ranks: NameNumbers
}

/** A run to merge: which one of its file. */
interface InputRun {
  readonly input: Input
  readonly index: number
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
  const runs = inputs.flatMap((input) => Array.from(input.footer.nodedata.counts, (_, index) => ({ input, index })))
  const run = new RunWriter(outPath)
  mergeSections(runs, run)
  for (const { input, index } of runs) {
    const { path, footer, ranks } = input
    const { names, starts, ends, counts } = footer.nodedata
    if (counts[index] === 0) continue
    eachNodedata({ path, start: starts[index], end: ends[index] }, (buf, buid, name, valueStart, end) => {
      run.nodedata(buf, buid, ranks.prop[names[name]], buf.subarray(valueStart, end))
    })
  }
  run.endRun()
  const names = union.sorted()
  return run.finish(
    names,
    Int32Array.from(names.propNames.ends, (_, rank) => rank),
    null,
  )
}

/** Sections come in the same order in all runs, so one segment per run goes through all of them. */
function mergeSections(runs: readonly InputRun[], run: RunWriter): void {
  const merge = new RunMerge(
    runs.map(({ input: { path, footer }, index }) => {
      const { starts, ends } = footer.nodedata
      return { path, start: index === 0 ? RUN_MAGIC.length : ends[index - 1], end: starts[index] }
    }),
  )
  try {
    for (const db of INDEX_DBS) mergeSection(db, runs, merge, run)
  } finally {
    merge.close()
  }
}

function mergeSection(db: IndexDb, runs: readonly InputRun[], merge: RunMerge, run: RunWriter): void {
  run.beginSection(db)
  const sections = runs.map(({ input }) => input.footer.sections[db])
  const { pairs, lists, firsts } = groupsOf(runs, db)
  const { ends, list, index } = bucketsOf(lists, pairs.size)
  const order = new Int32Array(pairs.size).map((_, group) => group)
  order.sort((x, y) => pairs.a[x] - pairs.a[y] || pairs.b[x] - pairs.b[y])
  for (const group of order) {
    run.beginGroup(pairs.a[group], pairs.b[group])
    for (let place = group === 0 ? 0 : ends[group - 1]; place < ends[group]; place++) {
      const { starts, counts } = sections[list[place]]
      const at = firsts[list[place]] + index[place]
      // The text of `assert()` is a function: not one for each group of each run.
      if (merge.position(list[place]) !== starts[at]) {
        assert(false, () => `run "${runs[list[place]].input.path}" is in another order`)
      }
      merge.take(list[place], counts[at])
    }
    merge.toRows(run, MERGED_BLOCK_BYTES)
    run.endGroup()
  }
  run.endSection()
}

/** The groups of a section in all runs; and for each run the numbers of its groups, and which one of its file is first. */
function groupsOf(
  runs: readonly InputRun[],
  db: IndexDb,
): { pairs: PairIndex; lists: Int32Array[]; firsts: readonly number[] } {
  const pairs = new PairIndex()
  const firsts = runs.map(({ input, index }) => (index === 0 ? 0 : input.footer.sections[db].runEnds[index - 1]))
  const lists = runs.map(({ input: { footer, ranks }, index }, run) => {
    const first = ranks[keyOf(db)[0]]
    const { a, b, runEnds } = footer.sections[db]
    const numbers = new Int32Array(runEnds[index] - firsts[run])
    for (let i = 0, at = firsts[run]; i < numbers.length; i++, at++) {
      numbers[i] = pairs.id(first[a[at]], b[at] < 0 ? -1 : ranks.prop[b[at]])
    }
    return numbers
  })
  return { pairs, lists, firsts }
}

import { bucketsOf } from '../bytes/buckets.js'
import { PairIndex } from '../bytes/pair-index.js'
import { MigrationError } from '../errors.js'
import { INDEX_DBS, type IndexDb, keyOf } from '../layout/dest-dbs.js'
import { type NameNumbers, RunNamesUnion } from './name-union.js'
import { eachNodedata } from './nodedata-rows.js'
import { damagedRun, RUN_MAGIC } from './run-blocks.js'
import { type RunFooter, RunWriter } from './run-file.js'
import { readRunFooter } from './run-footer.js'
import { RunMerge } from './run-merge.js'
import type { RunSection } from './section-notes.js'

/**
 * The distance between entry points of a merged run: the run is long, and the coordinator keeps all of them in memory.
 */
export const MERGED_BLOCK_BYTES = 1 << 18

/** How long a list of groups for the kernel is. */
const LIST_WORDS = 1 << 16

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
  const run = new RunWriter(outPath, MERGED_BLOCK_BYTES)
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
    merge.readTogether()
    for (const db of INDEX_DBS) mergeSection(db, runs, merge, run)
  } finally {
    merge.close()
  }
}

function mergeSection(db: IndexDb, runs: readonly InputRun[], merge: RunMerge, run: RunWriter): void {
  const { pairs, lists, counts, ends } = groupsOf(runs, db)
  const { ends: bucketEnds, list, index } = bucketsOf(lists, pairs.size)
  const order = new Int32Array(pairs.size).map((_, group) => group)
  order.sort((x, y) => pairs.a[x] - pairs.a[y] || pairs.b[x] - pairs.b[y])
  // A few groups at a time, so that the kernel's list of them stays short.
  const words = new Int32Array(Math.max(LIST_WORDS, 3 + 2 * runs.length))
  let used = 0
  const flush = () => {
    if (used > 0) run.groups(db, merge, words.subarray(0, used))
    used = 0
  }
  for (const group of order) {
    const first = group === 0 ? 0 : bucketEnds[group - 1]
    const count = bucketEnds[group] - first
    if (used + 3 + 2 * count > words.length) flush()
    words[used++] = pairs.a[group]
    words[used++] = pairs.b[group]
    words[used++] = count
    for (let place = first; place < bucketEnds[group]; place++) {
      words[used++] = list[place]
      words[used++] = counts[list[place]][index[place]]
    }
  }
  flush()
  run.endSection(db)
  for (const [number, end] of ends.entries()) {
    if (lists[number].length > 0 && merge.position(number) !== end) throw otherOrder(runs[number])
  }
}

/**
 * The groups of a section in all runs; and for each run the numbers of its groups, how many rows each has, and where the
 * last one ends.
 */
function groupsOf(runs: readonly InputRun[], db: IndexDb) {
  const pairs = new PairIndex()
  const lists: Int32Array[] = []
  const counts: Int32Array[] = []
  const ends: number[] = []
  for (const run of runs) {
    const { footer, ranks } = run.input
    const names = ranks[keyOf(db)[0]]
    const section = footer.sections[db]
    const first = run.index === 0 ? 0 : section.runEnds[run.index - 1]
    const end = section.runEnds[run.index]
    const numbers = new Int32Array(end - first)
    for (let i = 0, at = first; at < end; i++, at++) {
      const a = names[section.a[at]]
      const b = section.b[at] < 0 ? -1 : ranks.prop[section.b[at]]
      numbers[i] = pairs.id(a, b)
      if (i > 0 && !isBehind(section, at, pairs, numbers[i - 1], numbers[i])) throw otherOrder(run)
    }
    lists.push(numbers)
    counts.push(section.counts.subarray(first, end))
    ends.push(end === first ? 0 : section.ends[end - 1])
  }
  return { pairs, lists, counts, ends }
}

/** Whether group `at` of a section, number `y` of the pairs, follows the group before, number `x`. */
function isBehind({ starts, ends }: RunSection, at: number, { a, b }: PairIndex, x: number, y: number): boolean {
  return starts[at] === ends[at - 1] && (a[x] < a[y] || (a[x] === a[y] && b[x] < b[y]))
}

function otherOrder({ input }: InputRun): Error {
  return new MigrationError('ERR_INTERNAL', `run "${input.path}" is in another order`)
}

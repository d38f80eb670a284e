import { toStarts } from '../bytes/buckets.js'
import { looked } from '../bytes/byte-list.js'
import { PairIndex } from '../bytes/pair-index.js'
import { MigrationError } from '../errors.js'
import { INDEX_DBS, type IndexDb, keyOf, perDb } from '../layout/dest-dbs.js'
import { type NameNumbers, RunNamesUnion } from './name-union.js'
import { eachNodedata } from './nodedata-rows.js'
import { damagedRun, RUN_MAGIC } from './run-blocks.js'
import { type RunFooter, type RunNodedata, RunWriter } from './run-file.js'
import { readRunFooter } from './run-footer.js'
import { RunMerge } from './run-merge.js'
import type { RunSection } from './section-notes.js'

/**
 * The distance between entry points of a merged run: the run is long, and the coordinator keeps all of them in memory.
 */
export const MERGED_BLOCK_BYTES = 1 << 18

/** A list of groups for the kernel, and how long it is unless a group is in many runs. */
const LIST_WORDS = 1 << 14
let words = new Int32Array(LIST_WORDS)

export interface MergeFilesInput {
  /** Files of one or more runs, in partition order. */
  readonly paths: readonly string[]
  readonly outPath: string
}

/** A file of runs, with the merged run's rank for each of its ranks. */
interface Input extends Kept {
  readonly path: string
  readonly ranks: NameNumbers
}

/** What we keep of a footer: hundreds of them may have thousands of groups each. */
interface Kept {
  readonly sections: Readonly<Record<IndexDb, KeptSection>>
  readonly nodedata: RunNodedata
}

interface KeptSection extends Pick<RunSection, 'runEnds' | 'a' | 'b' | 'counts'> {
  /** Where the rows of each run end; 0 if it has none. */
  readonly rowEnds: Float64Array
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
    return { path, ...kept(footer), numbers: union.add(footer) }
  })
  const [propRanks, tagRanks, tagPropRanks] = [union.ranks('prop'), union.ranks('tag'), union.ranks('tagProp')]
  const inputs = met.map(({ path, sections, nodedata, numbers: { prop, tag, tagProp } }): Input => {
    const ranks = {
      prop: looked(prop, propRanks),
      tag: looked(tag, tagRanks),
      tagProp: looked(tagProp, tagPropRanks),
    }
    return { path, sections, nodedata, ranks }
  })
  const runs = inputs.flatMap((input) => Array.from(input.nodedata.counts, (_, index) => ({ input, index })))
  const run = new RunWriter(outPath, MERGED_BLOCK_BYTES)
  mergeSections(runs, run)
  for (const { input, index } of runs) {
    const { path, nodedata, ranks } = input
    const { names, starts, ends, counts } = nodedata
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

function kept({ sections, nodedata }: RunFooter): Kept {
  return { sections: perDb(INDEX_DBS, (db) => keptSection(sections[db])), nodedata }
}

function keptSection({ runEnds, a, b, counts, ends }: RunSection): KeptSection {
  const rowEnds = Float64Array.from(runEnds, (end, run) => (end > (runEnds[run - 1] ?? 0) ? ends[end - 1] : 0))
  return { runEnds, a, b, counts, rowEnds }
}

/** Sections come in the same order in all runs, so one segment per run goes through all of them. */
function mergeSections(runs: readonly InputRun[], run: RunWriter): void {
  const merge = new RunMerge(
    runs.map(({ input: { path, nodedata }, index }) => {
      const { starts, ends } = nodedata
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
  const { pairs, bucketEnds, places } = groupsOf(runs, db)
  const order = pairs.order()
  if (words.length < 3 + 2 * runs.length) words = new Int32Array(3 + 2 * runs.length)
  let used = 0
  for (let at = 0; at < order.length; at++) {
    const group = order[at]
    const first = group === 0 ? 0 : bucketEnds[group - 1]
    const count = bucketEnds[group] - first
    // A few groups at a time, so that the kernel's list of them stays short.
    if (used + 3 + 2 * count > words.length) {
      run.groups(db, merge, words.subarray(0, used))
      used = 0
    }
    words[used] = pairs.a[group]
    words[used + 1] = pairs.b[group]
    words[used + 2] = count
    used += 3
    for (let i = 2 * first; i < 2 * bucketEnds[group]; i++) words[used++] = places[i]
  }
  if (used > 0) run.groups(db, merge, words.subarray(0, used))
  run.endSection(db)
  checkPositions(db, runs, merge)
}

/**
 * The groups of a section in all runs; and for each group which runs have it, in order, and how many rows: two numbers
 * each, up to those before `bucketEnds[group]`.
 */
function groupsOf(runs: readonly InputRun[], db: IndexDb) {
  const pairs = new PairIndex()
  const total = runs.reduce((sum, run) => sum + groupRange(run, db).end - groupRange(run, db).first, 0)
  const groups = new Int32Array(total)
  let used = 0
  for (const run of runs) {
    const { sections, ranks } = run.input
    const names = ranks[keyOf(db)[0]]
    const section = sections[db]
    const { first, end } = groupRange(run, db)
    for (let at = first; at < end; at++) {
      const group = pairs.id(names[section.a[at]], section.b[at] < 0 ? -1 : ranks.prop[section.b[at]])
      if (at > first && !isBehind(pairs, groups[used - 1], group)) throw otherOrder(run.input.path)
      groups[used++] = group
    }
  }
  const bucketEnds = new Int32Array(pairs.size)
  for (let i = 0; i < total; i++) bucketEnds[groups[i]]++
  toStarts(bucketEnds)
  const places = new Int32Array(2 * total)
  used = 0
  for (let number = 0; number < runs.length; number++) {
    const { counts } = runs[number].input.sections[db]
    const { first, end } = groupRange(runs[number], db)
    for (let at = first; at < end; at++) {
      const place = 2 * bucketEnds[groups[used++]]++
      places[place] = number
      places[place + 1] = counts[at]
    }
  }
  return { pairs, bucketEnds, places }
}

/** The groups of a run among those of its file. */
function groupRange({ input, index }: InputRun, db: IndexDb): { first: number; end: number } {
  const { runEnds } = input.sections[db]
  return { first: index === 0 ? 0 : runEnds[index - 1], end: runEnds[index] }
}

/** The merge has gone through the section of each run. */
function checkPositions(db: IndexDb, runs: readonly InputRun[], merge: RunMerge): void {
  for (let number = 0; number < runs.length; number++) {
    const { first, end } = groupRange(runs[number], db)
    const { input, index } = runs[number]
    const isWhole = first === end || merge.position(number) === input.sections[db].rowEnds[index]
    if (!isWhole) throw otherOrder(input.path)
  }
}

/** Whether group `y` of the pairs follows group `x`. */
function isBehind({ a, b }: PairIndex, x: number, y: number): boolean {
  return a[x] < a[y] || (a[x] === a[y] && b[x] < b[y])
}

function otherOrder(path: string): Error {
  return new MigrationError('ERR_INTERNAL', `run "${path}" is in another order`)
}

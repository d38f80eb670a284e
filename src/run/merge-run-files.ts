import { looked } from '../bytes/byte-list.js'
import { MigrationError } from '../errors.js'
import { INDEX_DBS, type IndexDb, keyOf, perDb } from '../layout/dest-dbs.js'
import { type NameNumbers, RunNamesUnion } from './name-union.js'
import { eachNodedata } from './nodedata-rows.js'
import { damagedRun, RUN_MAGIC } from './run-blocks.js'
import { type RunFooter, type RunNodedata, RunWriter } from './run-file.js'
import { readRunFooter } from './run-footer.js'
import { GROUP_WORDS, RunMerge } from './run-merge.js'
import type { RunSection } from './section-notes.js'

/**
 * The distance between entry points of a merged run: the run is long, and the coordinator keeps all of them in memory.
 */
export const MERGED_BLOCK_BYTES = 1 << 18

export interface MergeFilesInput {
  /** Files of one or more runs, in partition order. */
  readonly paths: readonly string[]
  readonly outPath: string
}

/** A file of runs, with the merged run's rank for each of its ranks, and for each number of its node data. */
interface Input extends Kept {
  readonly path: string
  readonly ranks: NameNumbers
  readonly dataRanks: Int32Array
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
    return { path, sections, nodedata, ranks, dataRanks: looked(nodedata.names, ranks.prop) }
  })
  const runs = inputs.flatMap((input) => Array.from(input.nodedata.counts, (_, index) => ({ input, index })))
  const run = new RunWriter(outPath, MERGED_BLOCK_BYTES)
  try {
    mergeSections(inputs, runs, run)
    const withNodedata = runs.filter(({ input, index }) => input.nodedata.counts[index] > 0)
    eachNodedata(withNodedata.map(nodedataOf), ({ ranks }, buf, buid, name, valueStart, end) => {
      run.nodedata(buf, buid, ranks[name], buf.subarray(valueStart, end))
    })
    run.endRun()
    const names = union.sorted()
    return run.finish(
      names,
      Int32Array.from(names.propNames.ends, (_, rank) => rank),
      null,
    )
  } finally {
    run.close()
  }
}

function nodedataOf({ input: { path, nodedata, dataRanks }, index }: InputRun) {
  return { path, start: nodedata.starts[index], end: nodedata.ends[index], ranks: dataRanks }
}

function kept({ sections, nodedata }: RunFooter): Kept {
  return { sections: perDb(INDEX_DBS, (db) => keptSection(sections[db])), nodedata }
}

function keptSection({ runEnds, a, b, counts, ends }: RunSection): KeptSection {
  const rowEnds = Float64Array.from(runEnds, (end, run) => (end > (runEnds[run - 1] ?? 0) ? ends[end - 1] : 0))
  return { runEnds, a, b, counts, rowEnds }
}

/** Sections come in the same order in all runs, so one segment per run goes through all of them. */
function mergeSections(inputs: readonly Input[], runs: readonly InputRun[], out: RunWriter): void {
  const merge = new RunMerge(
    runs.map(({ input: { path, nodedata }, index }) => {
      const { starts, ends } = nodedata
      return { path, start: index === 0 ? RUN_MAGIC.length : ends[index - 1], end: starts[index] }
    }),
  )
  try {
    merge.readTogether()
    for (const db of INDEX_DBS) {
      listGroups(db, inputs, merge)
      const fault = out.merged(db, merge)
      if (fault >= 0) throw otherOrder(runs[fault])
      checkPositions(db, runs, merge)
    }
  } finally {
    merge.close()
  }
}

/** Tells the merge the groups of a section in all runs. */
function listGroups(db: IndexDb, inputs: readonly Input[], merge: RunMerge): void {
  const { list, ends } = merge.groupList(inputs.reduce((sum, { sections }) => sum + sections[db].a.length, 0))
  let run = 0
  let first = 0
  for (const { sections, ranks } of inputs) {
    const { runEnds, a } = sections[db]
    putGroups(list, GROUP_WORDS * first, sections[db], ranks[keyOf(db)[0]], ranks.prop)
    for (let i = 0; i < runEnds.length; i++) ends[run++] = first + runEnds[i]
    first += a.length
  }
}

/** Only the loop: V8 optimizes a function while it runs, and would have to discard the code if something followed. */
function putGroups(
  list: Int32Array,
  start: number,
  { a, b, counts }: KeptSection,
  first: Int32Array,
  second: Int32Array,
): void {
  for (let i = 0, at = start; i < a.length; i++) {
    list[at++] = first[a[i]]
    list[at++] = b[i] < 0 ? -1 : second[b[i]]
    list[at++] = counts[i]
  }
}

/** The merge has gone through the section of each run. */
function checkPositions(db: IndexDb, runs: readonly InputRun[], merge: RunMerge): void {
  for (let number = 0; number < runs.length; number++) {
    const { input, index } = runs[number]
    const end = input.sections[db].rowEnds[index]
    if (end > 0 && merge.position(number) !== end) throw otherOrder(runs[number])
  }
}

function otherOrder({ input }: InputRun): Error {
  return new MigrationError('ERR_INTERNAL', `run "${input.path}" is in another order`)
}

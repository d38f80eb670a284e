import { checkPages as pages, checkRun as run } from './migrate/tasks/check-kept.js'
import { copyNodedata as copy, mergeRuns as merge } from './migrate/tasks/merge-runs.js'
import { extractNodes as extract } from './migrate/tasks/node-extract.js'
import { extractSpliceRange as splices } from './migrate/tasks/splice-range.js'
import { replayNodes as replay } from './replay/tasks/replay-nodes.js'
import { toWire, type Wire } from './thread/wire-error.js'
import { compareSlab as compare } from './verify/tasks/compare-slab.js'
import { verifyEditSet as editSet } from './verify/tasks/verify-edit-set.js'
import { verifyIndex as index } from './verify/tasks/verify-index.js'
import { verifyNexus as nexus } from './verify/tasks/verify-nexus.js'
import { verifyNodes as nodes } from './verify/tasks/verify-nodes.js'
import { verifyEdits as edits, verifySplices as history } from './verify/tasks/verify-splices.js'
import { walk } from './verify/tasks/walk-slab.js'

/** What worker threads can be asked for. */
export interface Tasks {
  extractNodes: typeof extract
  mergeRuns: typeof merge
  copyNodedata: typeof copy
  extractSpliceRange: typeof splices
  checkPages: typeof pages
  checkRun: typeof run
  replayNodes: typeof replay
  verifyNodes: typeof nodes
  verifyIndex: typeof index
  verifySplices: typeof history
  verifyEdits: typeof edits
  verifyEditSet: typeof editSet
  walkSlab: typeof walk
  compareSlab: typeof compare
  verifyNexus: typeof nexus
}

export const extractNodes = overWire(extract)
export const mergeRuns = overWire(merge)
export const copyNodedata = overWire(copy)
export const extractSpliceRange = overWire(splices)
export const checkPages = overWire(pages)
export const checkRun = overWire(run)
export const replayNodes = overWire(replay)
export const verifyNodes = overWire(nodes)
export const verifyIndex = overWire(index)
export const verifySplices = overWire(history)
export const verifyEdits = overWire(edits)
export const verifyEditSet = overWire(editSet)
export const walkSlab = overWire(walk)
export const compareSlab = overWire(compare)
export const verifyNexus = overWire(nexus)

function overWire<Input, Output>(task: (input: Input) => Output): (input: Input) => Wire<Output> {
  return (input) => {
    try {
      return { ok: task(input) }
    } catch (err) {
      return { error: toWire(err) }
    }
  }
}

import { keepCode as keep } from './file/compiled-code.js'
import { checkPages as pages, checkRun as run } from './migrate/tasks/check-kept.js'
import { copyNodedata as copy, mergeRuns as merge } from './migrate/tasks/merge-runs.js'
import { extractNodes as extract } from './migrate/tasks/node-extract.js'
import { sendStream as send } from './migrate/tasks/send-stream.js'
import { extractSpliceRange as splices } from './migrate/tasks/splice-range.js'
import type { replayNodes as replay } from './replay/tasks/replay-nodes.js'
import { mergeRunFiles as mergeFiles } from './run/merge-run-files.js'
import { firstUnstoredSplice as unstored } from './source/stored-splices.js'
import { loaded, overWire } from './thread/over-wire.js'
import type { compareSlab as compare } from './verify/tasks/compare-slab.js'
import type { verifyEditSet as editSet } from './verify/tasks/verify-edit-set.js'
import type { verifyIndex as index } from './verify/tasks/verify-index.js'
import type { verifyNexus as nexus } from './verify/tasks/verify-nexus.js'
import type { verifyNodes as nodes } from './verify/tasks/verify-nodes.js'
import type { verifyEdits as edits, verifySplices as history } from './verify/tasks/verify-splices.js'
import type { walk } from './verify/tasks/walk-slab.js'

/** The tasks that worker threads can run. */
export interface Tasks {
  extractNodes: typeof extract
  mergeRuns: typeof merge
  copyNodedata: typeof copy
  mergeRunFiles: typeof mergeFiles
  extractSpliceRange: typeof splices
  sendStream: typeof send
  checkPages: typeof pages
  checkRun: typeof run
  firstUnstoredSplice: typeof unstored
  replayNodes: typeof replay
  verifyNodes: typeof nodes
  verifyIndex: typeof index
  verifySplices: typeof history
  verifyEdits: typeof edits
  verifyEditSet: typeof editSet
  walkSlab: typeof walk
  compareSlab: typeof compare
  verifyNexus: typeof nexus
  keepCode: (input: object) => void
}

export const extractNodes = overWire(extract)
export const mergeRuns = overWire(merge)
export const copyNodedata = overWire(copy)
export const mergeRunFiles = overWire(mergeFiles)
export const extractSpliceRange = overWire(splices)
export const sendStream = overWire(send)
export const checkPages = overWire(pages)
export const checkRun = overWire(run)
export const firstUnstoredSplice = overWire(unstored)
export const keepCode = overWire((_: object) => keep())
// Load these only when needed: a thread that migrates does not need them.
export const replayNodes = loaded(async () => (await import('./replay/tasks/replay-nodes.js')).replayNodes)
export const verifyNodes = loaded(async () => (await import('./verify/tasks/verify-nodes.js')).verifyNodes)
export const verifyIndex = loaded(async () => (await import('./verify/tasks/verify-index.js')).verifyIndex)
export const verifySplices = loaded(async () => (await import('./verify/tasks/verify-splices.js')).verifySplices)
export const verifyEdits = loaded(async () => (await import('./verify/tasks/verify-splices.js')).verifyEdits)
export const verifyEditSet = loaded(async () => (await import('./verify/tasks/verify-edit-set.js')).verifyEditSet)
export const walkSlab = loaded(async () => (await import('./verify/tasks/walk-slab.js')).walk)
export const compareSlab = loaded(async () => (await import('./verify/tasks/compare-slab.js')).compareSlab)
export const verifyNexus = loaded(async () => (await import('./verify/tasks/verify-nexus.js')).verifyNexus)

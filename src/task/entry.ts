import { toWire, type Wire } from '../wire-error.js'
import { copyNodedata as copy, mergeRuns as merge } from './merge-runs.js'
import { extractNodes as extract } from './node-extract.js'
import { extractSpliceRange as splices } from './splice-range.js'

/** What worker threads can be asked for. */
export interface Tasks {
  extractNodes: typeof extract
  mergeRuns: typeof merge
  copyNodedata: typeof copy
  extractSpliceRange: typeof splices
}

export const extractNodes = overWire(extract)
export const mergeRuns = overWire(merge)
export const copyNodedata = overWire(copy)
export const extractSpliceRange = overWire(splices)

function overWire<Input, Output>(task: (input: Input) => Output): (input: Input) => Wire<Output> {
  return (input) => {
    try {
      return { ok: task(input) }
    } catch (err) {
      return { error: toWire(err) }
    }
  }
}

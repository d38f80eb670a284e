import { MIGR_OPS } from '../step/context.js'
import type { RunRecord } from './run-history.js'

/** What the options of a run kept it from migrating. */
export function leftOut(run: RunRecord): string[] {
  const asked = optionList(run, 'migr-ops')
  const skipped = optionList(run, 'skip-layer')
  const only = optionList(run, 'layer')
  const steps = MIGR_OPS.filter((step) => !asked.includes(step))
  return [
    ...(steps.length > 0 ? [`steps ${steps.join(', ')} (--migr-ops)`] : []),
    ...(run.options.nodelim != null ? [`nodes from the ${run.options.nodelim}th of each layer on (--nodelim)`] : []),
    ...(only.length > 0 ? [`all layers but ${only.join(', ')} (--layer)`] : []),
    ...(skipped.length > 0 ? [`layers ${skipped.join(', ')} (--skip-layer)`] : []),
    ...(run.options['map-partial'] === false ? ['what forks add to nodes of layers below (--no-map-partial)'] : []),
  ]
}

/** A list among the options of a run. */
export function optionList(run: RunRecord | undefined, name: string): readonly string[] {
  const value = run?.options[name]
  return Array.isArray(value) ? value : []
}

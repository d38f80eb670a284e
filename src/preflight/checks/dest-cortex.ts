import { destState } from '../../inspect/dest-state.js'
import { is01xCortex } from '../../source/no-cortex.js'
import { type Check, type Finding, problem } from '../check.js'

/** What the destination holds must be an earlier result of this migration, or nothing. */
export const destCortex: Check = ({ source, options: { destDir, ops } }) => {
  const state = destState(destDir)
  if (state.kind === 'unreadable') {
    const text = `Cannot use destination "${destDir}": ${state.reason}`
    return [problem(text, 'Remove it, or give --dest a new directory')]
  }
  if (state.kind === 'none') {
    if (ops.has('dirn')) return []
    const text = `Cannot run ${[...ops].join(' ')} on "${destDir}": there is no Cortex in it`
    return [problem(text, 'Add the step dirn, which makes it from the source')]
  }
  const found: Finding[] = []
  if (is01xCortex(destDir)) {
    const text = `Cannot migrate into "${destDir}": it is a 0.1.x Cortex`
    found.push(problem(text, 'Give --dest a new directory'))
  }
  if (state.booted !== null) {
    const text = `Cannot migrate into "${destDir}": Synapse ${state.booted} has been started on it, its changes since then would be lost`
    found.push(problem(text, 'Give --dest a new directory; to start over, remove this one yourself'))
  }
  if (state.guid === '') {
    const text = `Cannot migrate into "${destDir}": its cell.guid is empty, so its Cortex is unknown`
    found.push(problem(text, 'Give --dest a new directory, or restore the file'))
  } else if (source.cellGuid !== null && state.guid !== null && state.guid !== source.cellGuid) {
    const text = `Cannot migrate into "${destDir}": it belongs to the Cortex ${state.guid}, the source is ${source.cellGuid}`
    found.push(problem(text, 'Give --dest a new directory'))
  }
  return found
}

import { formatBytes } from '../../bytes/size-text.js'
import { nearestDir } from '../../file/real-path.js'
import { copiedBytes } from '../../source/copied-bytes.js'
import { type Check, isAsked, problem, warning } from '../check.js'

/** The new layers take about as much space as the old ones, and sorting takes as much again for a while. */
export const diskSpace: Check = ({ source, options, sys, layerFacts }) => {
  const { destDir, ops, fromLast } = options
  const free = sys.freeBytes(nearestDir(destDir))
  const asked = [...layerFacts].filter(([{ iden }]) => isAsked(options, iden))
  const layerBytes = asked.reduce((sum, [, { usedBytes }]) => sum + usedBytes, 0)
  const hasData = ['nodes', 'nodedata', 'splices'].some((op) => ops.has(op))
  const copied = ops.has('dirn') ? copiedBytes(source.dir) : 0
  const least = copied + (hasData ? layerBytes : 0)
  const text = `The destination's disk has ${formatBytes(free)} free, the migration needs about ${formatBytes(least)}`
  const hint = 'Free some space, or give --dest a directory on a larger disk'
  // A resumed run has already used part of its space.
  if (free < least && !fromLast) return [problem(text, hint)]
  return free < least + layerBytes ? [warning(`${text}, and as much again for a while`, hint)] : []
}

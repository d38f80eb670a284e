import { formatBytes } from '../../bytes/size-text.js'
import { nearestDir } from '../../file/real-path.js'
import { copiedBytes } from '../../source/copied-bytes.js'
import { type Check, isAsked, problem, warning } from '../check.js'

/**
 * Of the bytes of the old layers: what the new ones take at least, and at most with what sorting takes for a while.
 * Measured 0.42 to 0.61 for results, and 0.14 more for a while.
 */
const LEAST_SHARE = 0.4
const MOST_SHARE = 0.8

/** Refuses a disk that is surely too small. One that may be too small is the operator's choice: a full disk loses nothing. */
export const diskSpace: Check = ({ source, options, sys, layerFacts }) => {
  const { destDir, ops, fromLast } = options
  const free = sys.freeBytes(nearestDir(destDir))
  const asked = [...layerFacts].filter(([{ iden }]) => isAsked(options, iden))
  const layerBytes = asked.reduce((sum, [, { usedBytes }]) => sum + usedBytes, 0)
  const hasData = ['nodes', 'nodedata', 'splices'].some((op) => ops.has(op))
  const copied = ops.has('dirn') ? copiedBytes(source.dir) : 0
  const needed = (share: number) => copied + (hasData ? Math.ceil(share * layerBytes) : 0)
  const [least, most] = [needed(LEAST_SHARE), needed(MOST_SHARE)]
  const room = formatBytes(free)
  // A resumed run has already used part of its space.
  if (free < least && !fromLast) {
    return [
      problem(
        `The destination's disk has ${room} free, the migration needs at least ${formatBytes(least)}`,
        'Free some space, or give --dest a directory on a larger disk',
      ),
    ]
  }
  if (free >= most) return []
  return [
    warning(
      `The destination's disk has ${room} free, the migration may need up to ${formatBytes(most)}`,
      'Free some space, or give --dest a directory on a larger disk; --from-last continues a run that a full disk has stopped',
    ),
  ]
}

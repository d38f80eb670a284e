import { formatBytes } from '../../bytes/size-text.js'
import { nearestDir } from '../../file/real-path.js'
import { type Check, isAsked, problem } from '../check.js'

/** LMDB maps a whole slab. This is all the address space of a process on x86-64 and arm64. */
const ADDRESS_BYTES = 2 ** 47

/**
 * A new slab is about as large as the old one. A file system with a lower file size limit would only fail after hours.
 */
export const largeSlabs: Check = ({ options, sys, layerFacts }) => {
  const fileBytes = sys.fileBytes(nearestDir(options.destDir)) ?? Number.POSITIVE_INFINITY
  return [...layerFacts].flatMap(([{ iden }, { largestBytes }]) => {
    if (!isAsked(options, iden)) return []
    const size = formatBytes(largestBytes)
    if (largestBytes > ADDRESS_BYTES) {
      const text = `A slab of layer ${iden} has ${size}, LMDB can hold ${formatBytes(ADDRESS_BYTES)} at most`
      return [problem(text, 'Leave the layer out: --skip-layer')]
    }
    if (largestBytes <= fileBytes) return []
    const text = `A slab of layer ${iden} has ${size}, files on the destination's disk can have ${formatBytes(fileBytes)} at most`
    return [problem(text, 'Give --dest a directory on another file system, such as XFS')]
  })
}

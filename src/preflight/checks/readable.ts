import { copiedFiles } from '../../source/copied-files.js'
import { type Check, problem } from '../check.js'

/** How many files a finding names. */
const MOST_LISTED = 3

/** This user must be able to read the whole source: its layers, and everything that we copy. */
export const readable: Check = ({ source: { dir }, options, unreadableLayers }) => {
  const found = new Map<string, string>()
  if (options.ops.has('dirn')) {
    for (const file of copiedFiles(dir)) if (file.kind === 'lost') found.set(file.reason, file.hint)
  }
  const layers = [...unreadableLayers.values()].map(({ message, hint = '' }) => problem(message, hint))
  const more = found.size - MOST_LISTED
  const files = [...found].slice(0, MOST_LISTED).map(([reason, hint], i) => {
    const others = more > 0 && i === MOST_LISTED - 1 ? `, and ${more} more cannot be read` : ''
    return problem(`Cannot read source "${dir}": ${reason}${others}`, hint)
  })
  return [...files, ...layers]
}

import { startOf } from '../bytes/byte-list.js'
import { viewOf } from '../bytes/spans.js'
import type { DbReader } from '../page/page-reader.js'

/** Source bytes per range. The writer may have to hold the pages of all ranges in progress. */
const RANGE_BYTES = 8 << 20

/**
 * The first offset of each range: 0, then keys that cut the log into parts of similar size.
 *
 * @param db the splice log, undefined when there is none
 */
export function planStarts(db: DbReader | undefined, pageSize: number, rangeBytes = RANGE_BYTES): number[] {
  if (db === undefined) return [0]
  const bytes = db.dataPages * pageSize
  const count = Math.ceil(bytes / rangeBytes)
  const starts = [0]
  const keys = db.separatorList(count * 4, count)
  const view = viewOf(keys.bytes)
  for (let i = 0; i < keys.ends.length; i++) {
    const at = startOf(keys, i)
    const offset = keys.ends[i] - at === 8 ? Number(view.getBigUint64(at)) : 0
    if (offset > starts[starts.length - 1]) starts.push(offset)
  }
  return starts
}

import { BUID_BYTES } from '../bytes/buid.js'
import type { DbReader } from '../page/page-reader.js'
import type { BuidRange } from './tasks/verify-nodes.js'

/** How many nodes to skip at most from the start of a page, so that the sample is not only from page borders. */
const MOST_STEPS = 16

/** Ranges that hold one node each, chosen at random from all pages of `bybuid`; ascending. */
export function sampleRanges(bybuid: DbReader, nodes: number, random = Math.random): BuidRange[] {
  const starts = [null, ...bybuid.separators(nodes)]
  const cursor = bybuid.cursor()
  const chosen = new Map<string, Uint8Array>()
  for (let i = 0; i < nodes; i++) {
    const start = starts[Math.floor(random() * starts.length)]
    let more = cursor.seek(start, start)
    let buid = more ? buidOf(cursor.key()) : null
    let steps = Math.floor(random() * MOST_STEPS)
    while (more && steps > 0) {
      more = cursor.next()
      if (!more || Buffer.compare(buidOf(cursor.key()), buid as Uint8Array) === 0) continue
      buid = buidOf(cursor.key())
      steps--
    }
    if (buid !== null && buid.length === BUID_BYTES) chosen.set(Buffer.from(buid).toString('hex'), buid)
  }
  const sorted = [...chosen.values()].sort(Buffer.compare)
  return sorted.map((start) => ({ start, end: successor(start) }))
}

function buidOf(key: Uint8Array): Uint8Array {
  return key.slice(0, BUID_BYTES)
}

/** The next buid; null after the last possible one. */
function successor(buid: Uint8Array): Uint8Array | null {
  const next = Uint8Array.from(buid)
  for (let i = next.length - 1; i >= 0; i--) {
    if (next[i] !== 0xff) {
      next[i]++
      return next
    }
    next[i] = 0
  }
  return null
}

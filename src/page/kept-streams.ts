import { hexOf } from '../bytes/hash.js'
import type { LeavesPlace } from './leaf-file.js'
import type { StreamExtent } from './page-chunk.js'

/** Where the pages of a complete stream are, and where its leaf pages are listed. */
export interface KeptStream {
  readonly keyBase: number
  readonly extents: readonly StreamExtent[]
  readonly digest: string
  readonly leaves: LeavesPlace | null
}

/** Key base; first extent and number of extents; place, bytes and rows of the list of leaf pages. */
const NUMBERS = 6
/** Those of the pages and of the list. */
const DIGESTS = 2
/** `rel`, `first`, `count`. */
const EXTENT_NUMBERS = 3
const NO_LEAVES = -1

/** Complete streams by their numbers. In columns, because a large layer has hundreds of thousands. */
export class KeptStreams {
  private readonly rows = new Map<number, number>()
  private count = 0
  private numbers = new Float64Array(NUMBERS << 4)
  private digests = new BigUint64Array(DIGESTS << 4)
  private extents = new Float64Array(EXTENT_NUMBERS << 4)
  private extentCount = 0

  keys(): Iterable<number> {
    return this.rows.keys()
  }

  has(stream: number): boolean {
    return this.rows.has(stream)
  }

  get(stream: number): KeptStream | undefined {
    const row = this.rows.get(stream)
    if (row === undefined) return undefined
    const [keyBase, start, count, at, bytes, entries] = this.numbers.subarray(NUMBERS * row, NUMBERS * (row + 1))
    const [digest, leavesDigest] = this.digests.subarray(DIGESTS * row, DIGESTS * (row + 1))
    const extents = Array.from({ length: count }, (_, i): StreamExtent => {
      const [rel, first, pages] = this.extents.subarray(EXTENT_NUMBERS * (start + i))
      return { rel, first, count: pages }
    })
    const leaves = at === NO_LEAVES ? null : { at, bytes, digest: hexOf(leavesDigest), entries }
    return { keyBase, extents, digest: hexOf(digest), leaves }
  }

  set(stream: number, { keyBase, extents, digest, leaves }: KeptStream): void {
    const row = this.count++
    this.rows.set(stream, row)
    this.reserve(extents.length)
    const { at, bytes, entries } = leaves ?? { at: NO_LEAVES, bytes: 0, entries: 0 }
    this.numbers.set([keyBase, this.extentCount, extents.length, at, bytes, entries], NUMBERS * row)
    this.digests.set([BigInt(`0x${digest}`), BigInt(`0x${leaves?.digest ?? 0}`)], DIGESTS * row)
    for (const { rel, first, count } of extents) {
      this.extents.set([rel, first, count], EXTENT_NUMBERS * this.extentCount++)
    }
  }

  /** Forgets a stream, but does not reuse its room: few streams are made again. */
  delete(stream: number): void {
    this.rows.delete(stream)
  }

  private reserve(extents: number): void {
    if (NUMBERS * this.count > this.numbers.length) {
      const numbers = new Float64Array(2 * this.numbers.length)
      numbers.set(this.numbers)
      this.numbers = numbers
      const digests = new BigUint64Array(2 * this.digests.length)
      digests.set(this.digests)
      this.digests = digests
    }
    const need = EXTENT_NUMBERS * (this.extentCount + extents)
    if (need > this.extents.length) {
      const grown = new Float64Array(Math.max(2 * this.extents.length, need))
      grown.set(this.extents)
      this.extents = grown
    }
  }
}

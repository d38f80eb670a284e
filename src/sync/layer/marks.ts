import type { Anchor } from '../api.js'

/**
 * We take edits as committed this long after the destination acknowledged them. 2.x commits every 200 ms, slab after
 * slab: on a busy machine the log of node edits was more than a second ahead of the nodes.
 */
export const COMMIT_MS = 5_000
/** The same for a destination that does not say how much of its log it still has. */
export const BLIND_MS = 15_000
/** More marks would only be older ones. */
const MOST_MARKS = 256
/** We store this many of the newest, and ever fewer of the older ones. */
const NEWEST_ANCHORS = 8
const MOST_ANCHORS = 24

/** An anchor, and when it was made, by `clock.elapsed()`. */
interface Mark extends Anchor {
  readonly at: number
}

/**
 * Records when which offset was acknowledged, where the destination's log of node edits ended then, and which splice
 * was the last. A destination acknowledges before it commits, so a killed one comes back without the last moments. Its
 * log is committed with the nodes and shows how far it got, also after a restore from a backup. Marks also show whether
 * the source is still the one that we read. Settled ones are kept across restarts.
 */
export class Marks {
  private marks: Mark[]
  /** Older settled marks, at least COMMIT_MS apart. */
  private kept: Mark[]
  /** Whether earlier runs knew where the destination's log ended at the oldest mark. */
  readonly isBottomOld: boolean

  /** `anchors` are the stored ones, oldest first; used only when the last one is at `offset`. */
  constructor(offset: number, anchors: readonly Anchor[], now: number) {
    const known = anchors.at(-1)?.offset === offset ? anchors : [{ offset, digest: null, index: null, row: null }]
    // We no longer know when they were made, only that each was settled before the next.
    const marks = known.map((anchor, i) => ({ ...anchor, at: now - (known.length - i) * COMMIT_MS }))
    this.isBottomOld = marks[0].index !== null
    marks[0] = { ...marks[0], at: Number.NEGATIVE_INFINITY }
    this.marks = marks
    this.kept = marks.slice(0, -1)
  }

  get last(): Readonly<Mark> {
    return this.marks[this.marks.length - 1]
  }

  /** The newest mark that is committed, because the destination was still up long enough after it. */
  get settled(): Anchor {
    return this.before(this.last.at - COMMIT_MS)
  }

  /** The anchors to store, up to a settled offset. */
  anchorsUpTo(settled: number): Anchor[] {
    const last = this.marks.findLast(({ offset }) => offset === settled) ?? this.settled
    const kept = this.kept.filter(({ offset }) => offset < last.offset)
    return [...kept, last].map(({ offset, digest, index, row }) => ({ offset, digest, index, row }))
  }

  /** Newest first. */
  get all(): readonly Anchor[] {
    return this.marks.toReversed()
  }

  /** Marks whose row must be in a destination's log that ends at this index, newest first. */
  withRow(index: number): readonly Anchor[] {
    const all = [...this.kept, ...this.marks].filter((mark) => mark.row !== null && mark.index !== null)
    const rows = new Map(all.map((mark) => [mark.index as number, mark]))
    return [...rows.values()]
      .filter((mark) => (mark.index as number) <= index)
      .sort((a, b) => (b.index as number) - (a.index as number))
  }

  add(at: number, { offset, digest, index }: Omit<Anchor, 'row'>): void {
    this.marks.push({ at, offset, digest, index, row: null })
    // Keep the first one as the bottom.
    if (this.marks.length > MOST_MARKS) this.marks.splice(1, MOST_MARKS / 2)
    this.keep(this.before(this.last.at - COMMIT_MS))
  }

  /** The digest of the splice before an offset; undefined without a mark there, null when not known yet. */
  digestAt(offset: number): string | null | undefined {
    return this.marks.findLast((mark) => mark.offset === offset)?.digest
  }

  /** Adds what we did not know yet when we started at this offset. */
  learn(offset: number, found: { readonly digest?: string; readonly index?: number | null }): void {
    const fill = (mark: Mark): Mark =>
      mark.offset !== offset
        ? mark
        : { ...mark, digest: mark.digest ?? found.digest ?? null, index: mark.index ?? found.index ?? null }
    this.marks = this.marks.map(fill)
    this.kept = this.kept.map(fill)
  }

  learnRow(index: number, row: string): void {
    const fill = (mark: Mark): Mark => (mark.index === index ? { ...mark, row } : mark)
    this.marks = this.marks.map(fill)
    this.kept = this.kept.map(fill)
  }

  /**
   * Goes back to what surely survived in a destination that may have been restarted, or restored from a backup.
   *
   * @param index where its log ends now
   * @param lostAt when the connection was lost; Infinity at a start, where everything stored was settled
   * @param isBottomCommitted whether what was there when this run began is surely committed
   * @returns the offset; null when even the bottom is gone
   */
  rewind(index: number | null, lostAt: number, isBottomCommitted: boolean): number | null {
    const bottom = this.marks[0]
    const survivors = this.marks.filter((mark) => {
      if (mark.index === null) return mark === bottom
      return index !== null && mark.index <= index
    })
    const newest = index === null ? undefined : survivors.at(-1)
    if (index !== null && newest === undefined) {
      if (isBottomCommitted) return null
      // What was there when this run began was not committed yet.
      this.marks = [{ ...bottom, index, row: null }]
      this.kept = this.kept.filter((mark) => mark.index !== null && mark.index <= index)
      return bottom.offset
    }
    const committedAt = newest === undefined ? Number.NEGATIVE_INFINITY : newest.at - COMMIT_MS
    const isShort = newest !== undefined && newest !== this.last && this.last.index !== null
    const mark = this.before(isShort ? committedAt : Math.max(committedAt, lostAt - BLIND_MS))
    this.marks.splice(this.marks.indexOf(mark) + 1)
    this.kept = this.kept.filter(({ offset }) => offset < mark.offset)
    return mark.offset
  }

  private keep(mark: Mark): void {
    const last = this.kept.at(-1)
    if (last !== undefined && (last.offset >= mark.offset || mark.at - last.at < COMMIT_MS)) return
    this.kept.push(mark)
    if (this.kept.length < MOST_ANCHORS) return
    const older = this.kept.length - NEWEST_ANCHORS
    this.kept = this.kept.filter((_, i) => i === 0 || i >= older || i % 2 === 1)
  }

  private before(at: number): Mark {
    return this.marks.findLast((mark) => mark.at <= at) ?? this.marks[0]
  }
}

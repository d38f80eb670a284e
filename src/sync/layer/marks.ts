/**
 * A destination has committed what it acknowledged so long ago. 2.x does it every 200 ms, slab after slab: on a busy machine the
 * log of node edits was more than a second ahead of the nodes.
 */
export const COMMIT_MS = 5_000
/** The same where the destination does not tell how much of its log it still has. */
const BLIND_MS = 15_000
/** More of them would only be older ones. */
const MOST_MARKS = 256

/** What was acknowledged at one time, and where the destination's log of node edits ended then. */
interface Mark {
  readonly at: number
  readonly offset: number
  readonly index: number | null
}

/**
 * How much of what the destination has acknowledged is left of it after a crash. It acknowledges before it commits, so a
 * killed one comes back without the last moments; its log of node edits, which is committed with the nodes, tells how far it
 * got.
 */
export class Marks {
  readonly #marks: Mark[]

  constructor(offset: number) {
    this.#marks = [{ at: Number.NEGATIVE_INFINITY, offset, index: Number.NEGATIVE_INFINITY }]
  }

  get last(): { readonly at: number; readonly offset: number } {
    return this.#marks[this.#marks.length - 1]
  }

  add(at: number, offset: number, index: number | null): void {
    this.#marks.push({ at, offset, index })
    // The first one stays as the bottom.
    if (this.#marks.length > MOST_MARKS) this.#marks.splice(1, MOST_MARKS / 2)
  }

  /** What is committed, as the destination was still there long enough after it. */
  get settledOffset(): number {
    return this.#before(this.last.at - COMMIT_MS).offset
  }

  /**
   * Goes back to what has surely survived in a destination that may have been restarted.
   *
   * @param index where its log ends now
   * @param lostAt when the connection was lost
   */
  rewind(index: number | null, lostAt: number): number {
    const survivors = this.#marks.filter((mark) => mark.index !== null && index !== null && mark.index <= index)
    const newest = index === null ? undefined : survivors.at(-1)
    const committedAt = newest === undefined ? Number.NEGATIVE_INFINITY : newest.at - COMMIT_MS
    const isShort = newest !== undefined && newest !== this.#marks[this.#marks.length - 1]
    const mark = this.#before(isShort ? committedAt : Math.max(committedAt, lostAt - BLIND_MS))
    this.#marks.splice(this.#marks.indexOf(mark) + 1)
    return mark.offset
  }

  #before(at: number): Mark {
    return this.#marks.findLast((mark) => mark.at <= at) ?? this.#marks[0]
  }
}

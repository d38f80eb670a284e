/** How many runs are merged to one, and how many the last merge takes at most. */
export interface FanIn {
  readonly atOnce: number
  readonly most: number
}

/** So many runs are read in long pieces by buffers of 16 MiB in all. */
export const FAN_IN: FanIn = { atOnce: 256, most: 512 }

/** A run: those of partitions are of level 0, those of level n are merged from `atOnce` of level n - 1 that follow each other. */
export interface RunId {
  readonly level: number
  readonly index: number
}

/**
 * Which runs are merged to which. It depends on the number of partitions alone: none are when the last merge takes all of them, and
 * each further factor of `atOnce` costs one pass over the rows. Notes what is finished, in any order.
 */
export class RunLevels {
  /** The level whose runs the last merge takes. */
  readonly top: number
  /** Of each run above level 0 how many of those that it is merged from are not finished. */
  private readonly left: Int32Array[] = []

  constructor(
    readonly partitions: number,
    readonly fanIn: FanIn = FAN_IN,
  ) {
    let top = 0
    while (this.count(top) > fanIn.most) top++
    this.top = top
    for (let level = 1; level <= top; level++) {
      this.left.push(
        Int32Array.from({ length: this.count(level) }, (_, index) => this.members({ level, index }).length),
      )
    }
  }

  /** Runs of a level. */
  count(level: number): number {
    return Math.ceil(this.partitions / this.fanIn.atOnce ** level)
  }

  /** What a run is merged from. */
  members({ level, index }: RunId): RunId[] {
    const { atOnce } = this.fanIn
    const first = index * atOnce
    const length = Math.min(atOnce, this.count(level - 1) - first)
    return Array.from({ length }, (_, i) => ({ level: level - 1, index: first + i }))
  }

  /** The run of a level that holds what another one holds. */
  above({ level, index }: RunId, at: number): RunId {
    return { level: at, index: Math.floor(index / this.fanIn.atOnce ** (at - level)) }
  }

  /** Notes that a run is finished; returns the one that can be merged now, or null. */
  finish(run: RunId): RunId | null {
    if (run.level === this.top) return null
    const parent = this.above(run, run.level + 1)
    const left = --this.left[run.level][parent.index]
    return left === 0 ? parent : null
  }
}

/** How many runs to merge into one, and how many the last merge takes at most. */
export interface FanIn {
  readonly atOnce: number
  readonly most: number
}

/** With this many runs, 8 MiB of buffers are still enough to read long pieces. */
export const FAN_IN: FanIn = { atOnce: 256, most: 512 }

/** A run. Those of partitions have level 0; one of level n is merged from `atOnce` consecutive runs of level n - 1. */
export interface RunId {
  readonly level: number
  readonly index: number
}

/**
 * Decides which runs to merge, from the number of partitions alone: none when the last merge can take all of them; each
 * further factor of `atOnce` costs one pass over the rows. Keeps track of finished runs, in any order.
 */
export class RunLevels {
  /** The level of the runs that the last merge takes. */
  readonly top: number
  /** For each run above level 0, how many of its members are not finished. */
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

  /** How many runs a level has. */
  count(level: number): number {
    return Math.ceil(this.partitions / this.fanIn.atOnce ** level)
  }

  /** The runs that a run is merged from. */
  members({ level, index }: RunId): RunId[] {
    const { atOnce } = this.fanIn
    const first = index * atOnce
    const length = Math.min(atOnce, this.count(level - 1) - first)
    return Array.from({ length }, (_, i) => ({ level: level - 1, index: first + i }))
  }

  /** The run of level `at` that contains this run. */
  above({ level, index }: RunId, at: number): RunId {
    return { level: at, index: Math.floor(index / this.fanIn.atOnce ** (at - level)) }
  }

  /** Marks a run as finished. Returns the run that can be merged now, or null. */
  finish(run: RunId): RunId | null {
    if (run.level === this.top) return null
    const parent = this.above(run, run.level + 1)
    const left = --this.left[run.level][parent.index]
    return left === 0 ? parent : null
  }
}

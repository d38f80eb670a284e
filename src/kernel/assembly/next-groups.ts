/** A group in a list: its two names (the second is -1 if keys have only one), and how many rows a run has of it. */
const GROUP_BYTES: u32 = 12
/** The key of a run without more groups. No number of a name is as large. */
const ENDED: u64 = u64.MAX_VALUE

/** The next groups of several runs: a tournament, which the run with the lowest names has won; of equal ones the first. */
@unmanaged
export class NextGroups {
  /** The run that has won, and the key of its group. */
  run: u32
  key: u64

  private list: usize
  private runs: u32
  /** By run: the key of its next group, where that is in the list, and where its last one ends; 4 or 8 bytes each. */
  private keys: usize
  private places: usize
  private ends: usize
  /** The run that lost at each inner node. */
  private losers: usize

  get isEnd(): bool {
    return this.key == ENDED
  }

  get first(): i32 {
    return load<i32>(this.group)
  }

  get second(): i32 {
    return load<i32>(this.group, 4)
  }

  get rows(): u32 {
    return load<u32>(this.group, 8)
  }

  /** Goes to the next group; false when that of the same run is not behind this one. */
  advance(): bool {
    const run = this.run
    const before = this.key
    const place = this.places + 4 * run
    store<u32>(place, load<u32>(place) + 1)
    const key = this.look(run)
    if (key <= before) return false
    let best = run
    let bestKey = key
    for (let node = (best + this.runs) >> 1; node >= 1; node >>= 1) {
      const at = this.losers + 4 * node
      const other = load<u32>(at)
      const otherKey = load<u64>(this.keys + 8 * other)
      if (otherKey > bestKey || (otherKey == bestKey && other > best)) continue
      store<u32>(at, best)
      best = other
      bestKey = otherKey
    }
    this.run = best
    this.key = bestKey
    return true
  }

  /** @param ends by run, where its groups end in the list */
  start(list: usize, ends: usize, runs: u32): void {
    this.list = list
    this.ends = ends
    this.runs = runs
    this.keys = heap.alloc(8 * runs)
    this.places = heap.alloc(4 * runs)
    this.losers = heap.alloc(4 * runs)
    for (let run: u32 = 0; run < runs; run++) {
      store<u32>(this.places + 4 * run, run == 0 ? 0 : load<u32>(ends + 4 * (run - 1)))
      this.look(run)
    }
    this.run = this.winnerAt(1)
    this.key = load<u64>(this.keys + 8 * this.run)
  }

  free(): void {
    heap.free(this.keys)
    heap.free(this.places)
    heap.free(this.losers)
    heap.free(changetype<usize>(this))
  }

  /** The winner of all below a node: nodes 1 to runs-1 are inner ones, runs to 2*runs-1 are the runs. */
  private winnerAt(node: u32): u32 {
    if (node >= this.runs) return node - this.runs
    const a = this.winnerAt(2 * node)
    const b = this.winnerAt(2 * node + 1)
    const isFirst = this.isBefore(a, b)
    store<u32>(this.losers + 4 * node, isFirst ? b : a)
    return isFirst ? a : b
  }

  private isBefore(a: u32, b: u32): bool {
    const keyOfA = load<u64>(this.keys + 8 * a)
    const keyOfB = load<u64>(this.keys + 8 * b)
    return keyOfA < keyOfB || (keyOfA == keyOfB && a < b)
  }

  /** Notes the key of a run's next group. */
  private look(run: u32): u64 {
    const place = load<u32>(this.places + 4 * run)
    const group = this.list + place * GROUP_BYTES
    const isEnd = place == load<u32>(this.ends + 4 * run)
    const key = isEnd ? ENDED : ((<u64>load<u32>(group)) << 32) | <u32>(load<u32>(group, 4) + 1)
    store<u64>(this.keys + 8 * run, key)
    return key
  }

  private get group(): usize {
    return this.list + load<u32>(this.places + 4 * this.run) * GROUP_BYTES
  }
}

/** @param list the groups of all runs, one run after the other, those of each in the order of their names */
export function nextGroups(list: usize, ends: usize, runs: u32): NextGroups {
  const groups = changetype<NextGroups>(heap.alloc(offsetof<NextGroups>()))
  groups.start(list, ends, runs)
  return groups
}

/** Does `work` for each item in order, so many at a time; the first error stops it. */
export async function inTurn<Item>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<unknown>,
): Promise<void> {
  let next = 0
  let failed = false
  const worker = async () => {
    while (next < items.length && !failed) {
      const item = items[next++]
      try {
        await work(item)
      } catch (err) {
        failed = true
        throw err
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker))
}

/**
 * How far a disk may fall behind: about a second of work that a kill would cost. Were it more, a sync would last as long
 * as pages are placed meanwhile, and vouch for none of them.
 */
const MOST_PENDING_BYTES = 64 << 20

/** One commit at a time; what is added in the meantime goes into the next. */
export class GroupCommit<Item> {
  private waiting: Item[] = []
  private waitingBytes = 0
  private pendingBytes = 0
  private running: Promise<void> | null = null
  private current: Promise<void> | null = null
  private failure: unknown = null

  constructor(
    private readonly commit: (batch: Item[]) => Promise<void>,
    private readonly mostPendingBytes = MOST_PENDING_BYTES,
  ) {}

  /** @param bytes written for the item, which a commit makes durable */
  add(item: Item, bytes = 0): void {
    if (this.failure !== null) throw this.failure
    this.waiting.push(item)
    this.waitingBytes += bytes
    this.pendingBytes += bytes
    this.running ??= this.run()
  }

  /**
   * Waits while too much is not durable yet. No thread waits with it: others' tasks are run meanwhile.
   *
   * @throws what a commit has thrown
   */
  async room(): Promise<void> {
    while (this.current !== null && this.pendingBytes > this.mostPendingBytes) await this.current
    if (this.failure !== null) throw this.failure
  }

  async drain(): Promise<void> {
    while (this.running !== null) await this.running
    if (this.failure !== null) throw this.failure
  }

  private async run(): Promise<void> {
    try {
      while (this.waiting.length > 0) {
        const batch = this.waiting
        const bytes = this.waitingBytes
        this.waiting = []
        this.waitingBytes = 0
        this.current = this.commit(batch)
        await this.current
        this.pendingBytes -= bytes
      }
    } catch (err) {
      this.failure = err
    } finally {
      this.running = null
      this.current = null
    }
  }
}

/** Does `work` for each item in order, a limited number at a time. The first error stops it. */
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
 * How far the disk may fall behind: about a second of work, which a kill would cost. With more, a sync would take as
 * long as pages keep coming, and vouch for none of them.
 */
const MOST_PENDING_BYTES = 64 << 20

/** Runs one commit at a time. Items added in the meantime go into the next commit. */
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

  /** @param bytes written for the item, to be made durable by a commit */
  add(item: Item, bytes = 0): void {
    if (this.failure !== null) throw this.failure
    this.waiting.push(item)
    this.waitingBytes += bytes
    this.pendingBytes += bytes
    this.running ??= this.run()
  }

  /**
   * Waits while too much is not durable yet. No thread waits: other tasks run in the meantime.
   *
   * @throws whatever a commit has thrown
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

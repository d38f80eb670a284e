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

/** One commit at a time; what is added in the meantime goes into the next. */
export class GroupCommit<Item> {
  private waiting: Item[] = []
  private running: Promise<void> | null = null
  private failure: unknown = null

  constructor(private readonly commit: (batch: Item[]) => Promise<void>) {}

  add(item: Item): void {
    if (this.failure !== null) throw this.failure
    this.waiting.push(item)
    this.running ??= this.run()
  }

  async drain(): Promise<void> {
    while (this.running !== null) await this.running
    if (this.failure !== null) throw this.failure
  }

  private async run(): Promise<void> {
    try {
      while (this.waiting.length > 0) {
        const batch = this.waiting
        this.waiting = []
        await this.commit(batch)
      }
    } catch (err) {
      this.failure = err
    } finally {
      this.running = null
    }
  }
}

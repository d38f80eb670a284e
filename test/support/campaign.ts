import assert from 'node:assert/strict'
import { randomOf } from './random.js'

/** Whether all cases are tried, or a sample that a change can wait for. */
export const isFull = process.env.FAULTS === 'full'

/** The cases of one kind of fault: how many, by which seed, and what became of them. */
export class Campaign {
  readonly seed = Number(process.env.FAULTS_SEED ?? Math.floor(Math.random() * 1e6))
  readonly cases: number
  readonly random = randomOf(this.seed)
  private readonly outcomes = new Map<string, number>()
  private readonly failures: string[] = []
  private readonly startedMs = Date.now()

  /** What was tried counts, also when there was no time for all of it. */
  private readonly onTerm = () => {
    console.log(`${this.line()}, then interrupted`)
    process.exit(1)
  }

  constructor(
    private readonly name: string,
    sample: number,
    full: number,
  ) {
    this.cases = isFull ? full : sample
    process.once('SIGTERM', this.onTerm)
  }

  /** Notes what became of a case. */
  count(outcome: string, times = 1): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + times)
  }

  countOf(outcome: string): number {
    return this.outcomes.get(outcome) ?? 0
  }

  /** So many items by chance; all of them when the campaign is full. */
  some<Item>(items: readonly Item[]): Item[] {
    if (isFull) return [...items]
    const left = [...items]
    const chosen: Item[] = []
    while (chosen.length < this.cases && left.length > 0) chosen.push(...left.splice(this.random(left.length), 1))
    return chosen
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.random(items.length)]
  }

  /** Tries one case; the campaign goes on when it fails, and fails in the end. */
  async try(what: string, act: () => Promise<unknown> | unknown): Promise<void> {
    try {
      await act()
    } catch (err) {
      this.count('FAILED')
      this.failures.push(`${what}: ${(err as Error).message}`)
      console.log(`${this.name}: seed ${this.seed}, ${this.failures.at(-1)?.slice(0, 4000)}`)
    }
  }

  /** Writes the line of the log; fails when a case has failed. */
  end(): void {
    process.off('SIGTERM', this.onTerm)
    console.log(this.line())
    assert.equal(
      this.failures.length,
      0,
      `${this.name}, seed ${this.seed}: ${this.failures.join('\n').slice(0, 20_000)}`,
    )
  }

  private line(): string {
    const outcomes = [...this.outcomes].sort().map(([outcome, times]) => `${times} ${outcome}`)
    const seconds = Math.round((Date.now() - this.startedMs) / 1000)
    return `${this.name}: seed ${this.seed}, ${outcomes.join(', ')}; ${seconds} s`
  }
}

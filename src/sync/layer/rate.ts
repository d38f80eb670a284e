const WINDOW_MS = 60_000
const SAMPLE_MS = 1_000

/** Things per second over the last minute. */
export class Rate {
  private readonly samples: { readonly at: number; readonly total: number }[] = []

  /** @param total all of them since the start */
  add(now: number, total: number): void {
    const last = this.samples.at(-1)
    if (last === undefined || now - last.at >= SAMPLE_MS) this.samples.push({ at: now, total })
    while (this.samples.length > 1 && this.samples[1].at < now - WINDOW_MS) this.samples.shift()
  }

  perSecond(now: number, total: number): number {
    // If the newest sample is older than a minute, so is everything since.
    const first = this.samples.find(({ at }) => at >= now - WINDOW_MS)
    if (first === undefined) return 0
    const elapsedMs = Math.max(now - first.at, SAMPLE_MS)
    return ((total - first.total) * 1000) / elapsedMs
  }
}

import { Bench } from 'tinybench'
import { tableText } from './statistics.js'

/** Long enough for steady figures; `BENCH_MS=50` for a first look. */
const TIME_MS = Number(process.env.BENCH_MS ?? 1000)
/** All made-up data are made of this seed. */
export const SEED = 20200414

export interface Case {
  readonly name: string
  /** What one call of `run` works on. */
  readonly items: number
  readonly run: () => void
}

/** Measures the cases and prints a Markdown table: million items a second, and the time of one, both of the median call. */
export async function report(title: string, item: string, cases: readonly Case[]): Promise<void> {
  const bench = new Bench({ time: TIME_MS, iterations: 7, warmupTime: TIME_MS / 4, warmupIterations: 3 })
  for (const { name, run } of cases) bench.add(name, run)
  await bench.run()
  const rows = bench.tasks.map(({ name, result }, i) => {
    if (!('latency' in result))
      throw new Error(`"${name}" failed`, { cause: 'error' in result ? result.error : result })
    return resultRow(name, cases[i].items, result.latency.p50)
  })
  printTable(title, item, rows)
}

/** The row of a case that took so long for so many items. */
export function resultRow(name: string, items: number, ms: number): string[] {
  return [name, (items / ms / 1000).toFixed(2), ((ms * 1e6) / items).toFixed(0)]
}

export function printTable(title: string, item: string, rows: readonly (readonly string[])[]): void {
  console.log(`### ${title}\n\n${tableText(['', `M ${item}s/s`, `ns/${item}`], rows)}\n`)
}

/** Repeatable numbers below a limit. */
export function generator(seed = SEED): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

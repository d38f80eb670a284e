import { SpanMap } from '../bytes/span-map.js'

/** Counts form rows of the source by form. */
export class FormCounts {
  private readonly counts: { readonly name: string; count: number }[] = []
  private readonly byName = new SpanMap<{ readonly name: string; count: number }>()

  add(buf: Uint8Array, start: number, end: number): void {
    let form = this.byName.get(buf, start, end)
    if (form === undefined) {
      form = { name: Buffer.from(buf.subarray(start, end)).toString('utf8'), count: 0 }
      this.byName.add(buf, start, end, form)
      this.counts.push(form)
    }
    form.count++
  }

  entries(): (readonly [string, number])[] {
    return this.counts.map(({ name, count }) => [name, count] as const)
  }
}

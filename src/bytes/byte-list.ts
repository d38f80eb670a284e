import { compareSpans, viewOf } from './spans.js'

/** Byte strings end to end. A million of them take two buffers; as separate objects each would cost 200 bytes. */
export interface ByteList {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Where each string ends in `bytes`. */
  readonly ends: Uint32Array<ArrayBuffer>
}

/** Where string `index` starts; it ends at `list.ends[index]`. */
export function startOf({ ends }: ByteList, index: number): number {
  return index === 0 ? 0 : ends[index - 1]
}

/** String `index`, as a view of the list's bytes. */
export function itemOf(list: ByteList, index: number): Uint8Array {
  return list.bytes.subarray(startOf(list, index), list.ends[index])
}

/** A copy of strings `[first, end)`. */
export function sliceOf(list: ByteList, first: number, end: number): ByteList {
  const start = startOf(list, first)
  return {
    bytes: list.bytes.slice(start, startOf(list, end)),
    ends: list.ends.slice(first, end).map((position) => position - start),
  }
}

export function byteListOf(items: readonly Uint8Array[]): ByteList {
  const list = new ByteListBuilder()
  for (const item of items) list.add(item, 0, item.length)
  return list.pack()
}

/** A list that grows. */
export class ByteListBuilder {
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(256)
  ends: Uint32Array<ArrayBuffer> = new Uint32Array(16)
  count = 0

  /** Adds a copy of `buf[start, end)`. */
  add(buf: Uint8Array, start: number, end: number): void {
    if (this.count === this.ends.length) this.ends = grown(this.ends, new Uint32Array(2 * this.count))
    const at = startOf(this, this.count)
    const need = at + end - start
    if (need > this.bytes.length) {
      this.bytes = grown(this.bytes, new Uint8Array(Math.max(need, 2 * this.bytes.length)))
    }
    // Most are short, and `set()` takes a view, an object, of each.
    const { bytes } = this
    for (let from = start, to = at; from < end; from++, to++) bytes[to] = buf[from]
    this.ends[this.count++] = need
  }

  /** The finished list, with no spare room. */
  pack(): ByteList {
    return { bytes: this.bytes.slice(0, startOf(this, this.count)), ends: this.ends.slice(0, this.count) }
  }
}

/** What `sortByBytes()` sorts by: V8 forgets what it has compiled of a comparison when a call makes its own. */
let sortView: DataView = new DataView(new ArrayBuffer(0))
let sortList: ByteList = { bytes: new Uint8Array(0), ends: new Uint32Array(0) }

/** Sorts the indexes of a list's strings in place, in the order of the strings: `memcmp`, shorter first. */
export function sortByBytes(order: Int32Array, list: ByteList): void {
  sortView = viewOf(list.bytes)
  sortList = list
  order.sort(byBytes)
}

function byBytes(a: number, b: number): number {
  const { ends } = sortList
  const x = startOf(sortList, a)
  const y = startOf(sortList, b)
  return compareSpans(sortView, x, ends[a] - x, sortView, y, ends[b] - y)
}

/** For each index of a list, what a table has for it. */
export function looked(indexes: Int32Array, table: Int32Array): Int32Array<ArrayBuffer> {
  const found = new Int32Array(indexes.length)
  for (let i = 0; i < found.length; i++) found[i] = table[indexes[i]]
  return found
}

/** Copies an array into a larger one. */
export function grown<T extends Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>(from: T, to: T): T {
  to.set(from)
  return to
}

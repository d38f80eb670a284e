/**
 * Longer spans are faster through the engine: its call costs as much as our loop takes for 100 bytes
 * (bench/page.bench.ts).
 */
const ENGINE_COPY_BYTES = 112

/** A row: its key is `key[start, end)`, its value `value[from, to)`. */
export type RowSpans = [key: Uint8Array, start: number, end: number, value: Uint8Array, from: number, to: number]

/** Takes rows in key order. The spans are valid only during the call. */
export interface RowSink {
  add(...row: RowSpans): unknown
}

/** A view of the same bytes, to read words at any alignment, which typed arrays cannot. */
export function viewOf(buf: Uint8Array): DataView {
  return new DataView(buf.buffer, buf.byteOffset, buf.byteLength)
}

const views = new WeakMap<Uint8Array, DataView>()

/**
 * Like viewOf(), but keeps the view with its buffer: a merge takes each row from a different buffer, and making a view
 * costs more than copying a row.
 */
export function keptViewOf(buf: Uint8Array): DataView {
  let view = views.get(buf)
  if (view === undefined) {
    view = viewOf(buf)
    views.set(buf, view)
  }
  return view
}

/**
 * Copies `fromBuf[start, end)` to `at`. The caller passes each side both as bytes and as a view of them. Rows are
 * short, so this copies four bytes at a time, the last four overlapping the ones before; `set(subarray())` costs 50 ns
 * at any length.
 */
export function copySpan(
  to: Uint8Array,
  toView: DataView,
  at: number,
  from: Uint8Array,
  fromView: DataView,
  start: number,
  end: number,
): void {
  const length = end - start
  if (length > ENGINE_COPY_BYTES) {
    to.set(from.subarray(start, end), at)
    return
  }
  if (length < 4) {
    for (let i = start; i < end; i++) to[at++] = from[i]
    return
  }
  const last = end - 4
  let i = start
  for (; i < last; i += 4, at += 4) toView.setInt32(at, fromView.getInt32(i, true), true)
  toView.setInt32(at - (i - last), fromView.getInt32(last, true), true)
}

/** `memcmp`, then the shorter one first: how LMDB orders keys and duplicates. Negative, 0 or positive. */
export function compareSpans(
  a: DataView,
  aStart: number,
  aLength: number,
  b: DataView,
  bStart: number,
  bLength: number,
): number {
  const shared = Math.min(aLength, bLength)
  let i = 0
  for (const last = shared - 4; i <= last; i += 4) {
    const x = a.getInt32(aStart + i)
    const y = b.getInt32(bStart + i)
    if (x !== y) return x >>> 0 < y >>> 0 ? -1 : 1
  }
  for (; i < shared; i++) {
    const diff = a.getUint8(aStart + i) - b.getUint8(bStart + i)
    if (diff !== 0) return diff
  }
  return aLength - bLength
}

/**
 * Whether two spans of one length of at least 4 bytes are equal. Compares four bytes at a time; the last four may
 * overlap.
 */
export function sameSpans(a: DataView, aStart: number, b: DataView, bStart: number, length: number): boolean {
  const last = length - 4
  if (a.getInt32(aStart + last, true) !== b.getInt32(bStart + last, true)) return false
  for (let i = 0; i < last; i += 4) {
    if (a.getInt32(aStart + i, true) !== b.getInt32(bStart + i, true)) return false
  }
  return true
}

/** Whether two spans hold the same bytes. */
export function equalSpans(a: Uint8Array, aStart: number, aEnd: number, b: Uint8Array, bStart: number, bEnd: number) {
  if (aEnd - aStart !== bEnd - bStart) return false
  for (let i = aStart, j = bStart; i < aEnd; i++, j++) if (a[i] !== b[j]) return false
  return true
}

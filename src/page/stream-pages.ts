import { viewOf } from '../bytes/spans.js'
import { assert } from '../errors.js'
import { NODE_HEADER_BYTES, NodeFlag, PAGE_BYTES, PAGE_HEADER_BYTES, PageFlag, readU16, writeU48 } from './format.js'
import type { StreamExtent } from './page-chunk.js'

/** Adds an extent, merging it with the last one when it continues that. */
export function addExtent(extents: StreamExtent[], next: StreamExtent): void {
  const last = extents.at(-1)
  if (last !== undefined && last.first + last.count === next.first) {
    extents[extents.length - 1] = { ...last, count: last.count + next.count }
  } else {
    extents.push(next)
  }
}

/** The file's page number for page `rel` of the stream. */
export function absolute(extents: readonly StreamExtent[], rel: number): number {
  let low = 0
  let high = extents.length - 1
  // Most references point to pages placed just before.
  if (rel >= extents[high].rel) low = high
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (extents[middle].rel <= rel) low = middle
    else high = middle - 1
  }
  const { rel: start, first, count } = extents[low]
  assert(rel - start < count, () => `Page ${rel} of a stream is referred to before it is placed`)
  return first + (rel - start)
}

/** Replaces relative page numbers by those of the file. */
export function patchPageNumbers(view: DataView, fixups: Uint32Array, extents: readonly StreamExtent[]): void {
  for (let i = 0; i < fixups.length; i++) {
    writeU48(view, fixups[i], absolute(extents, view.getUint32(fixups[i], true)))
  }
}

/** Adds `keyBase` to the 8-byte keys of all leaf pages. */
export function rebaseKeys(bytes: Uint8Array, view: DataView, keyBase: number): void {
  for (let page = 0; page < bytes.length; ) {
    const flags = readU16(bytes, page + 10)
    if (flags === PageFlag.overflow) {
      page += view.getUint32(page + 12, true) * PAGE_BYTES
      continue
    }
    assert(flags === PageFlag.leaf, () => 'Only plain leaf pages can be given another key base')
    const lower = view.getUint16(page + 12, true)
    for (let at = PAGE_HEADER_BYTES; at < lower; at += 2) {
      const node = page + view.getUint16(page + at, true)
      const isPlain = view.getUint16(node + 6, true) === 8 && (readU16(bytes, node + 4) & NodeFlag.dupData) === 0
      assert(isPlain, () => 'Only rows with keys of 8 bytes can be given another key base')
      addToKey(view, node + NODE_HEADER_BYTES, keyBase)
    }
    page += PAGE_BYTES
  }
}

/** Keys of 8 bytes end to end, with `keyBase` added to each. */
export function rebased(keys: Uint8Array, keyBase: number): Uint8Array {
  if (keyBase === 0) return keys
  const copy = keys.slice()
  const view = viewOf(copy)
  for (let at = 0; at < copy.length; at += 8) addToKey(view, at, keyBase)
  return copy
}

function addToKey(view: DataView, at: number, keyBase: number): void {
  const low = view.getUint32(at + 4) + (keyBase % 0x1_0000_0000)
  view.setUint32(at + 4, low % 0x1_0000_0000)
  view.setUint32(at, view.getUint32(at) + Math.floor(keyBase / 0x1_0000_0000) + (low >= 0x1_0000_0000 ? 1 : 0))
}

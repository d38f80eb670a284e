import { BUID_BYTES } from '../bytes/buid.js'
import { SOURCE_DBS } from '../layout/source-layer.js'
import { SlabReader } from '../page/page-reader.js'

/**
 * Finds the forms of nodes without a form row in the index rows of their own layer: `byprop` keys start with the form,
 * and so do the names behind the abbreviations of `by_tp_ftpi` (`form#tag:prop`).
 *
 * @param wanted buids to look for
 * @returns form by buid in hex, for those that it found
 */
export function findForms(layerPath: string, wanted: readonly Uint8Array[]): Map<string, string> {
  const open = new Set<string>()
  for (const buids of wanted) {
    for (let at = 0; at < buids.length; at += BUID_BYTES) open.add(hexOf(buids, at))
  }
  const found = new Map<string, string>()
  const slab = SlabReader.open(layerPath)
  try {
    scan(slab, SOURCE_DBS.propIndex.db, open, found, (key) => formOf(key, 0))
    const names = new Map<string, string>()
    for (const { key, value } of slab.db(SOURCE_DBS.tagPropNames.db)?.rows() ?? []) {
      names.set(hexOf(key, 0, 8), Buffer.from(value).toString('utf8').split('#')[0])
    }
    scan(slab, SOURCE_DBS.tagPropIndex.db, open, found, (key) => names.get(hexOf(key, 0, 8)) ?? null)
    return found
  } finally {
    slab.close()
  }
}

function scan(
  slab: SlabReader,
  name: string,
  open: Set<string>,
  found: Map<string, string>,
  form: (key: Uint8Array) => string | null,
): void {
  const cursor = slab.db(name)?.cursor()
  if (cursor === undefined) return
  for (let more = cursor.seek(null); more && open.size > 0; more = cursor.next()) {
    // The value ends with the buid: the buid alone, or the msgpack of [buid].
    const { valueBuf, valueStart, valueEnd } = cursor
    if (valueEnd - valueStart < BUID_BYTES) continue
    const buid = hexOf(valueBuf, valueEnd - BUID_BYTES)
    if (!open.has(buid)) continue
    const name = form(cursor.key())
    if (name === null || name === '') continue
    found.set(buid, name)
    open.delete(buid)
  }
}

function formOf(key: Uint8Array, start: number): string | null {
  const end = key.indexOf(0, start)
  return end < 0 ? null : Buffer.from(key.subarray(start, end)).toString('utf8')
}

function hexOf(bytes: Uint8Array, at: number, length = BUID_BYTES): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('hex')
}

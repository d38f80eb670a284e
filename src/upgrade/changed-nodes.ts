import { BUID_BYTES } from '../bytes/buid.js'
import { hexBytes } from '../bytes/hex.js'
import { assert } from '../errors.js'
import type { SlabReader } from '../page/page-reader.js'
import type { RowCursor } from '../page/row-cursor.js'
import { findNodeRows } from '../source/source-dbs.js'
import { MovedBuids } from './moved-buids.js'
import type { OldRow } from './old-node.js'
import type { PutRow } from './rewrite-slab.js'

/** Turns the rows of a node before the upgrade into those after it. */
export type RowUpgrade = (form: string, rows: readonly OldRow[]) => readonly OldRow[]

/**
 * The nodes of a layer that an upgrade changes or moves, without their rows, which may not fit into memory: we read
 * them again when we write them. A node costs about 80 bytes.
 */
export class ChangedNodes {
  private readonly places = new MovedBuids()
  private readonly forms: (string | null)[] = []

  get size(): number {
    return this.places.size
  }

  has(buid: Uint8Array): boolean {
    return this.places.has(buid)
  }

  /**
   * Adds a node; each node only once.
   *
   * @param form null when only its place changes
   */
  add(from: Uint8Array, to: Uint8Array, form: string | null): void {
    // `places` skips a buid that it knows, and the numbers in `forms` would then no longer match.
    assert(!this.has(from), () => `node ${hexBytes(from)} is changed twice`)
    this.places.add(from, to)
    this.forms.push(form)
  }

  /**
   * Hands over all rows of `bybuid` after the upgrade, in key order. Where two nodes become one, the rows of the moved
   * node win, as when 0.1.58 moves it over the other.
   */
  write(slab: SlabReader, upgrade: RowUpgrade, put: PutRow): void {
    const order = this.inOrder((i) => this.places.afterAt(i))
    const gone = new Gone(
      this.inOrder((i) => this.places.beforeAt(i)),
      (i) => this.places.beforeAt(i),
    )
    const seeker = new NodeRows(slab)
    const base = findNodeRows(slab)?.cursor() ?? null
    let isOpen = base?.seek(null) ?? false
    let next = 0
    while (isOpen || next < order.length) {
      const to = next < order.length ? this.places.afterAt(order[next]) : null
      // Nearly all rows come this way, so it makes no objects.
      while (base !== null && isOpen && (to === null || compareToBuid(base, to) < 0)) {
        const { buf, keyStart, keyEnd, valueBuf, valueStart, valueEnd } = base
        if (!gone.has(base)) put(buf, keyStart, keyEnd, valueBuf, valueStart, valueEnd)
        isOpen = base.next()
      }
      if (to === null) return
      const merged = new Map<string, OldRow>()
      while (base !== null && isOpen && compareToBuid(base, to) === 0) {
        if (!gone.has(base)) setRow(merged, { name: base.key().subarray(BUID_BYTES), value: base.value() })
        isOpen = base.next()
      }
      for (; next < order.length && same(this.places.afterAt(order[next]), to); next++) {
        const form = this.forms[order[next]]
        const rows = seeker.of(this.places.beforeAt(order[next]))
        for (const row of form === null ? rows : upgrade(form, rows)) setRow(merged, row)
      }
      for (const name of [...merged.keys()].sort()) {
        const { name: bytes, value } = merged.get(name) as OldRow
        const key = Buffer.concat([to, bytes])
        put(key, 0, key.length, value, 0, value.length)
      }
    }
  }

  /** Numbers of the nodes, sorted by one of their buids; equal buids in the order in which they were added. */
  private inOrder(buidOf: (i: number) => Uint8Array): Uint32Array {
    const order = Uint32Array.from({ length: this.size }, (_, i) => i)
    return order.sort((a, b) => Buffer.compare(buidOf(a), buidOf(b)) || a - b)
  }
}

/** The nodes whose rows have moved. Ask for them in key order. */
class Gone {
  private at = 0
  private buid: Uint8Array | null

  constructor(
    private readonly order: Uint32Array,
    private readonly buidOf: (i: number) => Uint8Array,
  ) {
    this.buid = order.length > 0 ? buidOf(order[0]) : null
  }

  /** Whether the cursor's row belongs to such a node. */
  has(base: RowCursor): boolean {
    while (this.buid !== null) {
      const diff = compareToBuid(base, this.buid)
      if (diff <= 0) return diff === 0
      this.buid = ++this.at < this.order.length ? this.buidOf(this.order[this.at]) : null
    }
    return false
  }
}

/** Reads the rows of single nodes. */
export class NodeRows {
  private readonly cursor: RowCursor | null

  constructor(slab: SlabReader) {
    this.cursor = findNodeRows(slab)?.cursor() ?? null
  }

  of(buid: Uint8Array): OldRow[] {
    const cursor = this.cursor
    const rows: OldRow[] = []
    if (cursor === null) return rows
    for (let more = cursor.seek(buid, buid); more && compareToBuid(cursor, buid) === 0; more = cursor.next()) {
      rows.push({ name: cursor.key().subarray(BUID_BYTES), value: cursor.value() })
    }
    return rows
  }
}

/** Compares the key with a buid: zero when it starts with it. */
function compareToBuid({ buf, keyStart, keyEnd }: RowCursor, buid: Uint8Array): number {
  for (let i = 0; i < BUID_BYTES; i++) {
    if (keyStart + i >= keyEnd) return -1
    const diff = buf[keyStart + i] - buid[i]
    if (diff !== 0) return diff
  }
  return 0
}

function setRow(rows: Map<string, OldRow>, row: OldRow): void {
  rows.set(Buffer.from(row.name).toString('latin1'), row)
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

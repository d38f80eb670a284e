import type { SlabReader } from '../page/page-reader.js'
import type { Row, RowStore, SlabStore } from './slab.js'

/** A copy of a slab in memory. Reads a db on first use, and keeps all writes in memory. */
export class MemorySlab implements SlabStore {
  private readonly source: SlabReader | null
  private readonly dbs = new Map<string, MemoryDb>()

  /** @param source the slab to copy, or null for an empty one; keep it open as long as you ask for dbs */
  constructor(source: SlabReader | null) {
    this.source = source
  }

  db(name: string): RowStore {
    let db = this.dbs.get(name)
    if (db === undefined) {
      db = new MemoryDb(this.source?.db(name)?.rows() ?? [])
      this.dbs.set(name, db)
    }
    return db
  }

  /** The names of its dbs, sorted. */
  dbNames(): string[] {
    const names = new Set([...(this.source?.dbNames() ?? []), ...this.dbs.keys()])
    return [...names].sort()
  }

  isDupSort(name: string): boolean {
    return this.source?.db(name)?.dupSort ?? false
  }

  /** The rows of a db in key order. If nobody asked for the db yet, streams them from the source. */
  rows(name: string): Iterable<Row> {
    return this.dbs.get(name)?.rows() ?? this.source?.db(name)?.rows() ?? []
  }

  /** The plain rows of its unnamed db. */
  mainRows(): Row[] {
    return this.source?.mainRows() ?? []
  }

  write<T>(action: () => T): T {
    return action()
  }

  async close(): Promise<void> {}
}

class MemoryDb implements RowStore {
  /** Keyed by latin1 text, which sorts in the order of its bytes. */
  private readonly rowsByKey = new Map<string, Row>()

  constructor(rows: Iterable<Row>) {
    for (const row of rows) this.put(row.key, row.value)
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.rowsByKey.get(latin1(key))?.value
  }

  *rows(): Generator<Row> {
    for (const key of [...this.rowsByKey.keys()].sort()) yield this.rowsByKey.get(key) as Row
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.rowsByKey.set(latin1(key), { key, value })
  }

  delete(key: Uint8Array): boolean {
    return this.rowsByKey.delete(latin1(key))
  }

  clear(): void {
    this.rowsByKey.clear()
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

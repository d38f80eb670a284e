import { LeafBuilder } from '../page/leaf-builder.js'
import type { SlabReader } from '../page/page-reader.js'
import { SlabFileBuilder } from '../page/slab-file-builder.js'

/** Takes rows in key order. The buffers stay unchanged afterwards. */
export type PutRow = LeafBuilder['add']

export interface SlabChange {
  /** Whether to copy a db. */
  readonly keeps: (db: string) => boolean
  /** New rows for a db, which replace the old ones. */
  readonly rows: ReadonlyMap<string, (put: PutRow) => void>
  /** New plain rows of the unnamed db, which replace the old ones. */
  readonly main?: readonly (readonly [key: string, value: Uint8Array])[]
}

/**
 * Copies a slab with new rows in some of its dbs, and with full pages. Creates `dir`, which is durable when this
 * returns.
 *
 * @throws {MigrationError} ERR_SLAB_CORRUPT when the source is damaged; ERR_DEST when it cannot write `dir`
 */
export function rewriteSlab(source: SlabReader, dir: string, { keeps, rows, main }: SlabChange): void {
  const file = SlabFileBuilder.create(dir)
  const names = [...new Set([...source.dbNames(), ...rows.keys()])].filter(keeps).sort()
  names.forEach((name, stream) => {
    const dupSort = source.db(name)?.dupSort ?? false
    const builder = new LeafBuilder({ dupSort, emit: (chunk) => file.place(stream, chunk) })
    const changed = rows.get(name)
    if (changed === undefined) copyRows(source, name, builder)
    else changed(builder.add.bind(builder))
    file.finishDb(name, dupSort, [{ stream, summary: builder.finish() }])
  })
  const plain = main ?? source.mainRows().map(({ key, value }) => [Buffer.from(key).toString('latin1'), value] as const)
  for (const [key, value] of plain) file.putMain(Buffer.from(key, 'latin1'), value)
  file.finish()
}

function copyRows(source: SlabReader, name: string, builder: LeafBuilder): void {
  const cursor = source.db(name)?.cursor()
  for (let more = cursor?.seek(null) ?? false; cursor !== undefined && more; more = cursor.next()) {
    const { buf, keyStart, keyEnd, valueBuf, valueStart, valueEnd } = cursor
    builder.add(buf, keyStart, keyEnd, valueBuf, valueStart, valueEnd)
  }
}

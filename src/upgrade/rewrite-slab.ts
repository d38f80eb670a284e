import { LeafBuilder } from '../page/leaf-builder.js'
import type { SlabReader } from '../page/page-reader.js'
import { SlabFileBuilder } from '../page/slab-file-builder.js'

/** Takes rows in key order, each as parts of buffers that stay as they are. */
export type PutRow = LeafBuilder['add']

export interface SlabChange {
  /** Whether a db is in the copy. */
  readonly keeps: (db: string) => boolean
  /** Rows of a db in place of those that it has. */
  readonly rows: ReadonlyMap<string, (put: PutRow) => void>
  /** Plain rows of the unnamed db in place of those that it has. */
  readonly main?: readonly (readonly [key: string, value: Uint8Array])[]
}

/**
 * Writes a slab again with other rows in some of its dbs, and its pages full. Makes `dir`, durable when it returns.
 *
 * @throws {MigrationError} ERR_SLAB_CORRUPT when the source is damaged; ERR_DEST when `dir` cannot be written
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

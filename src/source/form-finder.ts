import { NameMark } from '../layout/source-layer.js'
import type { SlabReader } from '../page/page-reader.js'
import type { RowCursor } from '../page/row-cursor.js'
import { findNodeRows } from './source-dbs.js'

/**
 * Finds the form of a node whose form row is in another layer of the source. A buid is a hash of form and value, so any
 * layer with that form row gives the right answer, whatever the order of the view.
 */
export class FormFinder {
  private readonly cursors: RowCursor[]
  private readonly seekKey = Buffer.alloc(33)

  /**
   * @param layers `layer.lmdb` of the other layers, those below in a view first
   * @param known forms already found by other means, by buid in hex
   */
  constructor(
    layers: readonly SlabReader[],
    private readonly known: ReadonlyMap<string, string>,
  ) {
    this.cursors = layers.flatMap((slab) => {
      const db = findNodeRows(slab)
      return db === undefined ? [] : [db.cursor()]
    })
    this.seekKey[32] = NameMark.form
  }

  /** The form's name, or null when no layer has it. */
  find(buid: Uint8Array): string | null {
    this.seekKey.set(buid)
    for (const cursor of this.cursors) {
      if (!cursor.seek(this.seekKey, this.seekKey) || cursor.keyEnd - cursor.keyStart <= 33) continue
      const key = Buffer.from(
        cursor.buf.buffer,
        cursor.buf.byteOffset + cursor.keyStart,
        cursor.keyEnd - cursor.keyStart,
      )
      if (key.compare(this.seekKey, 0, 33, 0, 33) === 0) return key.toString('utf8', 33)
    }
    return this.known.size === 0 ? null : (this.known.get(Buffer.from(buid).toString('hex')) ?? null)
  }
}

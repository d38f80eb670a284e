import { readFileSync } from 'node:fs'
import { MigrationError } from '../errors.js'
import { cortexPaths } from '../layout/paths.js'
import { Hive } from '../slab/hive.js'
import { type RowStore, Slab, type SlabStore } from '../slab/slab.js'

/** The destination's `slabs/cell.lmdb`: its hive, held in memory, and the remaining 0.1.x triggers. */
export class DestCell {
  /** Content of `cell.guid`. */
  readonly guid: string
  hive: Hive
  readonly triggers: RowStore
  private readonly hiveDb: RowStore
  private readonly slab: SlabStore

  /** @throws {MigrationError} ERR_DEST when the destination is not a Cortex directory */
  static async open(destDir: string): Promise<DestCell> {
    const guid = DestCell.guidOf(destDir)
    return new DestCell(await Slab.open(cortexPaths(destDir).slab('cell')), guid)
  }

  /** @throws {MigrationError} ERR_DEST when there is no `cell.guid` */
  static guidOf(destDir: string): string {
    const path = cortexPaths(destDir).guid
    try {
      return readFileSync(path, 'utf8').trim()
    } catch (cause) {
      throw new MigrationError('ERR_DEST', `Cannot use destination "${destDir}": there is no ${path}`, {
        cause,
        hint: 'run the step dirn, which makes it from the source',
      })
    }
  }

  /** @param slab `cell.lmdb` of a destination, or a copy in memory */
  constructor(slab: SlabStore, guid: string) {
    this.slab = slab
    this.guid = guid
    this.hiveDb = slab.db('hive')
    this.triggers = slab.db('triggers')
    this.hive = Hive.from(this.hiveDb.rows())
  }

  /** Writes the changes of the hive, and whatever `also` writes, in one transaction. */
  commit(also: () => void = () => undefined): void {
    const { puts, deletes } = this.hive.changes()
    this.slab.write(() => {
      for (const key of deletes) this.hiveDb.delete(key)
      for (const { key, value } of puts) this.hiveDb.put(key, value)
      also()
    })
    this.hive = Hive.from(this.hiveDb.rows())
  }

  close(): Promise<void> {
    return this.slab.close()
  }
}

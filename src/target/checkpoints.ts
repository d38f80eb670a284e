import { join } from 'node:path'
import { Packr } from 'msgpackr'
import { SlabReader } from '../page/page-reader.js'
import { type Db, Slab } from '../slab/slab.js'
import { MIGRATION_DIR } from './migration-log.js'

const packr = new Packr({ structuredClone: true })

/**
 * What partitions are done, and how to go on from there: `<dest>/migration/checkpoints.lmdb`. The values are the
 * coordinator's, this class never looks into them. docs/format/checkpoint.md draws them.
 */
export class Checkpoints {
  private readonly db: Db

  static async open(destDir: string): Promise<Checkpoints> {
    return new Checkpoints(await Slab.open(checkpointsPath(destDir)))
  }

  private constructor(private readonly slab: Slab) {
    this.db = slab.db('checkpoints')
  }

  /** Durable when it returns. */
  put(key: string, checkpoint: object): void {
    this.slab.write(() => this.db.put(Buffer.from(key), packr.pack(checkpoint)))
  }

  get(key: string): unknown {
    const value = this.db.get(Buffer.from(key))
    return value === undefined ? null : packr.unpack(value)
  }

  /** Forgets the checkpoints whose key starts so. */
  clear(prefix: string): void {
    const keys = [...this.db.rows()].map(({ key }) => key)
    const gone = keys.filter((key) => Buffer.from(key).toString('utf8').startsWith(prefix))
    this.slab.write(() => {
      for (const key of gone) this.db.delete(key)
    })
  }

  close(): Promise<void> {
    return this.slab.close()
  }
}

/** Whether a destination has checkpoints, or had some. */
export function checkpointsExist(destDir: string): boolean {
  return SlabReader.exists(checkpointsPath(destDir))
}

/** Reads all checkpoints of a destination without opening them for writing; empty when there are none. */
export function readCheckpoints(destDir: string): Map<string, unknown> {
  const path = checkpointsPath(destDir)
  if (!SlabReader.exists(path)) return new Map()
  const slab = SlabReader.open(path)
  try {
    const rows = [...(slab.db('checkpoints')?.rows() ?? [])]
    slab.assertUnchanged()
    return new Map(rows.map(({ key, value }) => [Buffer.from(key).toString('utf8'), packr.unpack(value)]))
  } finally {
    slab.close()
  }
}

function checkpointsPath(destDir: string): string {
  return join(destDir, MIGRATION_DIR, 'checkpoints.lmdb')
}

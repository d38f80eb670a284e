import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { assert } from '../errors.js'
import { PAGE_BYTES } from '../page/format.js'
import { LeafBuilder } from '../page/leaf-builder.js'
import { type DbReader, SlabReader } from '../page/page-reader.js'
import { walkSlab } from '../page/page-walker.js'
import { SlabFileBuilder } from '../page/slab-file-builder.js'
import { isInUse } from './in-use.js'
import type { Snapshot, SnapshotJob } from './snapshot-job.js'

/** Up to this size, copying takes less time than starting a process that has LMDB do it. */
const MOST_BYTES = 2 ** 20
/** The address space that a copy made by LMDB has at least. */
const MIN_MAP_BYTES = 2 ** 20
/** Most dbs have a page or two. */
const CHUNK_BYTES = 2 ** 16

/**
 * Copies a small slab that nobody uses, row by row. Returns null when LMDB has to do it, in a process of its own: the slab
 * is large, in use, or something is wrong with it or with the disk, which that process tells of.
 */
export function copySmall(job: SnapshotJob): Snapshot | null {
  const { source, dest, registered = false } = job
  const partial = `${dest}.partial`
  try {
    const { size } = statSync(join(source, 'data.mdb'))
    if (registered || size > MOST_BYTES || isInUse(source)) return null
    rmSync(partial, { recursive: true, force: true })
    mkdirSync(dirname(partial), { recursive: true })
    const rows = copyRows(source, partial, Math.max(size, MIN_MAP_BYTES))
    if (walkSlab(partial).complaints.length > 0) return null
    mkdirSync(dest, { recursive: true })
    const data = join(dest, 'data.mdb')
    renameSync(join(partial, 'data.mdb'), data)
    return { ...job, rows, bytes: statSync(data).size }
  } catch {
    return null // The process will find the same, and say it.
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
}

/** Throws when the slab is not as Synapse makes one, or somebody has written to it meanwhile. */
function copyRows(source: string, dest: string, mapSize: number): number {
  const slab = SlabReader.open(source)
  const builder = SlabFileBuilder.create(dest, { mapSize })
  try {
    assert(slab.pageSize === PAGE_BYTES && slab.mainRows().length === 0, () => 'no slab of Synapse')
    const rows = slab.dbNames().map((name, stream) => copyDb(slab.db(name), builder, stream))
    builder.finish()
    slab.assertUnchanged()
    return rows.reduce((sum, count) => sum + count, 0)
  } catch (error) {
    builder.close()
    throw error
  } finally {
    slab.close()
  }
}

function copyDb(db: DbReader | undefined, builder: SlabFileBuilder, stream: number): number {
  assert(db !== undefined, () => 'a db is gone')
  const { name, dupSort, entries } = db
  const leaves = new LeafBuilder({
    dupSort,
    chunkBytes: CHUNK_BYTES,
    emit: (chunk) => builder.place(stream, chunk),
  })
  for (const { key, value } of db.rows()) leaves.add(key, 0, key.length, value, 0, value.length)
  const summary = leaves.finish()
  assert(summary.entries === entries, () => `db "${name}" has other row counts`)
  builder.finishDb(name, dupSort, [{ stream, summary }])
  return entries
}

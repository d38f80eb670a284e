import { existsSync, readdirSync } from 'node:fs'
import { decode, encode, PackMap, pyEquals, type Value } from '../bytes/msgpack.js'
import { cortexPaths } from '../layout/paths.js'
import { SlabReader } from '../page/page-reader.js'
import { type Db, Slab } from '../slab/slab.js'

export const NEXUS_DB = 'nexuslog'
/** The edit kind that sets node data. */
const NODEDATA_SET = 8

/** A batch of node edits of one layer, as `--add-mode nexus` logs it. */
export interface EditBatch {
  readonly layerIden: string
  /** `[buid, form, [edit, …]]` of each node. */
  readonly nodeEdits: Value[]
  /** The batch's time in milliseconds. */
  readonly timeMs: number
  /** The layer's creator. */
  readonly userIden: string
}

/**
 * The destination's `slabs/nexus.lmdb`, db `nexuslog`: int64(index) -> `[layer iden, "edits", [node edits, meta], {}, {}]`.
 */
export class NexusLog {
  private readonly slab: Slab
  private readonly db: Db

  /** @param mapBytes how large the log may grow; only needed for `append()` */
  static async open(destDir: string, mapBytes?: number): Promise<NexusLog> {
    const path = cortexPaths(destDir).slab('nexus')
    return new NexusLog(await Slab.open(path, mapBytes === undefined ? {} : { mapBytes }))
  }

  private constructor(slab: Slab) {
    this.slab = slab
    this.db = slab.db(NEXUS_DB)
  }

  /**
   * Appends batches of node edits in one commit, with meta `{time, user}`. Like the reference, each run appends them
   * again.
   */
  append(batches: Iterable<EditBatch>): void {
    const last = this.db.last()
    let next = last === undefined ? 0 : int(last.key) + (isReservation(last.value) ? 0 : 1)
    this.slab.write(() => {
      for (const { layerIden, nodeEdits, timeMs, userIden } of batches) {
        const meta = new PackMap([
          ['time', timeMs],
          ['user', userIden],
        ])
        this.db.put(int64(next++), encode([layerIden, 'edits', [nodeEdits, meta], new PackMap([]), new PackMap([])]))
      }
    })
  }

  /**
   * Synapse 2.8 numbers a layer's new node edits by the nexus log, which is empty after a migration: new edits would
   * overwrite the migrated ones from row 0 on. So we add one row without effect at the highest index of any layer's
   * edit log, and every release continues after it. Returns the row's index, or null when none is needed.
   *
   * @param nextEdits for each layer iden, the next free index of its `nodeedits` db
   */
  reserve(nextEdits: ReadonlyMap<string, number>): number | null {
    const wanted = reservationRow(nextEdits)
    if (wanted === null) return null
    const { index, value } = wanted
    const last = this.db.last()
    const stale = last !== undefined && isReservation(last.value)
    // A log of `--add-mode nexus` that is longer needs no such row.
    if (last !== undefined && !stale && int(last.key) >= index) return null
    this.slab.write(() => {
      if (stale) this.db.delete(last.key)
      this.db.put(int64(index), value)
    })
    return index
  }

  /** Which of these nodes have edits in the log, and which have node data there: buids in hex. */
  loggedOf(layerIden: string, buids: ReadonlySet<string>): { nodes: Set<string>; nodedata: Set<string> } {
    const found = { nodes: new Set<string>(), nodedata: new Set<string>() }
    for (const { value } of this.db.rows()) {
      const [iden, , args] = decode(value) as Value[]
      const nodeEdits = iden === layerIden && Array.isArray(args) && Array.isArray(args[0]) ? args[0] : []
      for (const [buid, , edits] of nodeEdits as [Uint8Array, string, [number][]][]) {
        const hex = Buffer.from(buid).toString('hex')
        if (buids.has(hex)) found[edits[0][0] === NODEDATA_SET ? 'nodedata' : 'nodes'].add(hex)
      }
    }
    return found
  }

  close(): Promise<void> {
    return this.slab.close()
  }
}

/**
 * Reserves the indexes of all edit logs of a finished destination, see `NexusLog.reserve()`. Returns the index of the
 * row, or null when none was needed.
 *
 * @param opened the nexus log, if this process has it open to append
 */
export async function reserveEditIndexes(destDir: string, opened: NexusLog | null = null): Promise<number | null> {
  const nextEdits = nextEditIndexes(destDir)
  if ([...nextEdits.values()].every((next) => next === 0)) return null
  const log = opened ?? (await NexusLog.open(destDir))
  try {
    return log.reserve(nextEdits)
  } finally {
    await log.close()
  }
}

/** The next free index of each layer's edit log in a destination; 0 when it has none. */
function nextEditIndexes(destDir: string): Map<string, number> {
  const layersDir = cortexPaths(destDir).layers
  const idens = existsSync(layersDir) ? readdirSync(layersDir) : []
  return new Map(idens.sort().map((iden) => [iden, nextEditIndex(destDir, iden)]))
}

function nextEditIndex(destDir: string, layerIden: string): number {
  const path = cortexPaths(destDir).layer(layerIden).slab('nodeedits')
  if (!SlabReader.exists(path)) return 0
  const slab = SlabReader.open(path)
  try {
    const last = slab.db('nodeedits')?.last()
    return last === undefined ? 0 : int(last.key) + 1
  } finally {
    slab.close()
  }
}

/** The row that reserves the indexes of edit logs; null when they are empty. */
export function reservationRow(
  nextEdits: ReadonlyMap<string, number>,
): { readonly index: number; readonly value: Uint8Array } | null {
  const [iden, next] = [...nextEdits].reduce((most, entry) => (entry[1] > most[1] ? entry : most), ['', 0])
  return next === 0 ? null : { index: next - 1, value: reservation(iden) }
}

function reservation(layerIden: string): Uint8Array {
  return encode([layerIden, 'edits', [[], new PackMap([])], new PackMap([]), new PackMap([])])
}

/** Whether a row of the nexus log was made by a migration to reserve indexes. */
function isReservation(value: Uint8Array): boolean {
  const row = decode(value)
  return Array.isArray(row) && typeof row[0] === 'string' && pyEquals(row, decode(reservation(row[0])))
}

function int(key: Uint8Array): number {
  return Number(Buffer.from(key).readBigUInt64BE())
}

function int64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

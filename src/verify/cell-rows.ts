import { decode, decodeOr, encode, pyEquals } from '../bytes/msgpack.js'
import { LOG_DB } from '../dest/migration-log.js'
import type { MemorySlab } from '../slab/memory-slab.js'
import { LAYER_STEPS } from '../step/context.js'
import { ANY_TIME } from './expected-cell.js'
import type { Difference } from './report.js'
import { type SlabDifference, slabDifferences } from './slab-differences.js'

export type CellDifference = Omit<Difference, 'layer'>

/** The slabs that cell steps change. */
export type CellSlabName = 'cell' | 'queues' | 'log'

/** The hive row in which Synapse stores its release each time it starts. */
export const STARTED_ROW = 'cellinfo\0synapse:version'
const anyTime = encode(ANY_TIME)

export interface CellRows {
  /** How many rows were compared. */
  readonly rows: number
  readonly differences: readonly CellDifference[]
  /** What was skipped, in words. */
  readonly notCompared: readonly string[]
}

/**
 * Compares one of the slabs that cell steps change, row by row in both directions.
 *
 * @param startedBy the release of Synapse that has been started on the destination, or null
 * @throws {MigrationError} when the slab of the destination is damaged
 */
export function cellRows(
  name: CellSlabName,
  expected: MemorySlab,
  found: MemorySlab,
  startedBy: string | null = null,
): CellRows {
  const differences: CellDifference[] = []
  const ownDbs: string[] = []
  const rows = slabDifferences(expected, found, (difference) => {
    const isOwnDb = startedBy !== null && difference.kind === 'extra' && difference.key === null
    if (isOwnDb) ownDbs.push(difference.db ?? '')
    else if (!isAllowed(name, difference, startedBy !== null)) differences.push(described(name, difference))
  })
  const notCompared: string[] = []
  if (name === 'cell' && startedBy !== null)
    notCompared.push(`hive row ${STARTED_ROW.replace('\0', '/')}, which Synapse ${startedBy} has written`)
  if (ownDbs.length > 0)
    notCompared.push(`databases that Synapse ${startedBy} has made in ${slabFile(name)}: ${ownDbs.join(', ')}`)
  return { rows, differences, notCompared }
}

function isAllowed(name: CellSlabName, { db, key, expected, found }: SlabDifference, isStarted: boolean): boolean {
  if (key === null) return false
  if (name === 'cell') return isStarted && db === 'hive' && Buffer.compare(key, Buffer.from(STARTED_ROW)) === 0
  if (name !== 'log' || db !== LOG_DB) return false
  const [step, kind, what] = Buffer.from(key).toString('latin1').split('\0')
  // Records of layers are compared with their layers; no step makes the record of layers that the operator left out.
  if (LAYER_STEPS.some((name) => name === step) || (step === 'hivelyr' && kind === 'skip')) return true
  if (expected === null || found === null) return false
  if (Buffer.compare(expected, anyTime) === 0) return isTime(found)
  return step === 'triggers' && kind === 'stat' && what === 'tottriggers' && isRunAgain(expected, found)
}

function isTime(value: Uint8Array): boolean {
  const time = decodeOr(null, value)
  return typeof time === 'number' && Number.isInteger(time) && time > 0
}

/** Another run without dirn finds only the triggers that could not be moved, so its `[all, moved]` is `[left, 0]`. */
function isRunAgain(expected: Uint8Array, found: Uint8Array): boolean {
  const [all, moved] = decode(expected) as [number, number]
  return pyEquals(decodeOr(null, found), [all - moved, 0])
}

function described(name: CellSlabName, { kind, db, key, what, expected, found }: SlabDifference): CellDifference {
  const isHive = name === 'cell' && db === 'hive'
  const isLog = name === 'log' && db === LOG_DB
  const rowText = key === null ? (what ?? '') : keyText(key, isHive ? '/' : ' ')
  const row = isHive || isLog ? rowText : [db, rowText].filter(Boolean).join(' ')
  return { kind, place: isHive ? 'hive' : slabFile(name), buid: null, row, expected, found }
}

/** A key as text if it is valid text, else in hex. */
export function keyText(key: Uint8Array, separator: string): string {
  const text = Buffer.from(key).toString('utf8')
  const isText = Buffer.compare(Buffer.from(text), key) === 0 && key.some((byte) => byte > 0) && !key.some(isControl)
  return isText ? text.replaceAll('\0', separator) : Buffer.from(key).toString('hex')
}

function isControl(byte: number): boolean {
  return byte > 0 && byte < 0x20
}

function slabFile(name: CellSlabName): string {
  return name === 'log' ? 'migr.lmdb' : `${name}.lmdb`
}

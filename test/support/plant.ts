import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { BUID_BYTES } from '../../src/bytes/buid.js'
import { SlabReader } from '../../src/page/page-reader.js'
import { hex } from './canon.js'

const Flag = { tag: 2, tagProp: 3 }

/** A change of one row of a slab; keys and values in hex. */
export interface Plant {
  readonly db: string
  readonly dupSort: boolean
  readonly op: 'put' | 'delete'
  readonly key: string
  /** Of a delete in a dupSort db the value that goes. */
  readonly value: string | null
}

/** Changes rows of a slab as Synapse would, through LMDB, in a process of its own as a slab is opened once in each. */
export function plant(slabPath: string, plants: readonly Plant[]): void {
  const script = join(import.meta.dirname, 'plant-process.js')
  const { status, stderr } = spawnSync(process.execPath, [script, slabPath], {
    input: JSON.stringify(plants),
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`Cannot change ${slabPath}: ${stderr}`)
}

/** All rows of a database of a slab. */
export function rowsOf(path: string, db: string): { key: Uint8Array; value: Uint8Array }[] {
  const slab = SlabReader.open(path)
  const rows = [...(slab.db(db)?.rows() ?? [])]
  slab.close()
  return rows
}

export function put(db: string, key: Uint8Array, value: Uint8Array, dupSort = false): Plant {
  return { db, dupSort, op: 'put', key: hex(key), value: hex(value) }
}

/** With a value: of a dupSort db. */
export function del(db: string, key: Uint8Array, value: Uint8Array | null = null): Plant {
  return { db, dupSort: value !== null, op: 'delete', key: hex(key), value: value === null ? null : hex(value) }
}

/** How `verify` calls the row of a property, tag or tag property with this key of the destination's `bybuid`. */
export function rowName(key: Uint8Array): string {
  const name = Buffer.from(key.subarray(BUID_BYTES + 1)).toString('utf8')
  if (key[BUID_BYTES] === Flag.tag) return `tag #${name}`
  if (key[BUID_BYTES] === Flag.tagProp) return `tagprop #${name}`
  return `prop ${name.startsWith('.') ? '' : ':'}${name}`
}

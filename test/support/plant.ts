import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

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

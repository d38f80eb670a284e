import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decode, encode, PackMap, type Value } from '../bytes/msgpack.js'
import { cortexPaths } from '../layout/paths.js'
import { SlabReader } from '../page/page-reader.js'
import { type LogRecord, readMigrationLog } from './migration-log.js'

/**
 * Writes the errors of all steps to `<dest>/migration/migrerrors_<nowMs>.mpk`: one msgpack array of maps
 * `{migrop, logtyp: "error", key, val}`, first those of nodes, then the other steps by name, each in key order. Returns
 * the path, or null when the destination has no migration log.
 */
export function dumpErrors(destDir: string, nowMs: number): string | null {
  const records = readMigrationLog(destDir)
  if (records === null) return null
  const errors = records.filter((record) => record.logtyp === 'error')
  const all = [
    ...errors.filter((record) => record.migrop === 'nodes'),
    ...errors.filter((record) => record.migrop !== 'nodes'),
    ...spliceErrors(destDir),
  ]
  const path = join(cortexPaths(destDir).migration.dir, `migrerrors_${nowMs}.mpk`)
  writeFileSync(path, encode(all.map(packed)))
  return path
}

/** The reference keeps errors of splices in its splice cell; the key is the layer iden's bytes and the offset. */
function spliceErrors(destDir: string): LogRecord[] {
  const path = cortexPaths(destDir).migration.spliceErrors
  if (!existsSync(join(path, 'data.mdb'))) return []
  const slab = SlabReader.open(path)
  try {
    const rows = [...(slab.db('errors')?.rows() ?? [])]
    return rows.map(({ key, value }) => ({ migrop: 'splices', logtyp: 'error', key, val: decode(value) }))
  } finally {
    slab.close()
  }
}

function packed({ migrop, logtyp, key, val }: LogRecord): Value {
  return new PackMap([
    ['migrop', migrop],
    ['logtyp', logtyp],
    ['key', key],
    // The reference records some errors as plain text.
    ['val', typeof val === 'string' ? new PackMap([['mesg', val]]) : val],
  ])
}

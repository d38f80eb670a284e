// Prints what lmdb-js reads of slabs, for page-reader.test.ts: for each database its row count and a digest over its rows.
// Arguments are JSON: a slab's directory and its databases, each as name and whether it is dupsort. In a process of its
// own, as one process must not open an environment twice.
import { loadLmdb } from '../../src/slab/binding.js'
import { digestRows } from './row-digest.js'

const { open } = await loadLmdb()
const found = process.argv.slice(2).map((arg) => {
  const { path, dbs } = JSON.parse(arg) as { path: string; dbs: [string, boolean][] }
  // `noSubdir` is guessed from the extension otherwise.
  const root = open({ path, noSubdir: false, readOnly: true, maxDbs: 128, encoding: 'binary', keyEncoding: 'binary' })
  const digests = dbs.map(([name, dupSort]) => {
    const db = root.openDB<Buffer, Buffer>({ name, dupSort, encoding: 'binary', keyEncoding: 'binary' })
    // Without a start lmdb-js begins at byte 5, behind where it would keep metadata of its own.
    return [name, digestRows(db.getRange({ start: Buffer.of(0) }))]
  })
  return Object.fromEntries(digests)
})
process.stdout.write(JSON.stringify(found))

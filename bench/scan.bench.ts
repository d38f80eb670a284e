// Rows a second of our page reader and of lmdb-js over the same slab: `node dist/bench/scan.bench.js`
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SlabReader } from '../src/page/page-reader.js'
import { loadLmdb } from '../src/slab/binding.js'
import { printTable, resultRow } from './report.js'
import { scratchCortex } from './scratch-cortex.js'

const { open } = await loadLmdb()

const NODES = 30_000
const DBS = ['bybuid', 'byprop'] as const
const PASSES = 5
const ITSELF = fileURLToPath(import.meta.url)

let store: ReturnType<typeof openStore> | null = null

// A process that has LMDB's environment of a slab should not read it by other means.
const [, , db, path] = process.argv
if (path === undefined) await compare()
else console.log(JSON.stringify(best(() => scanByLmdb(path, db))))

async function compare(): Promise<void> {
  const { layerDir } = await scratchCortex(NODES)
  const slab = join(layerDir, 'layer.lmdb')
  const rows = DBS.flatMap((name) => {
    const ours = best(() => scan(slab, name))
    const child = spawnSync(process.execPath, [ITSELF, name, slab], { encoding: 'utf8' })
    if (child.status !== 0) throw new Error(child.stderr)
    const theirs = JSON.parse(child.stdout)
    if (ours.rows !== theirs.rows) throw new Error(`${name}: ${ours.rows} rows here, ${theirs.rows} in LMDB`)
    return [resultRow(`SlabReader, ${name}`, ours.rows, ours.ms), resultRow(`lmdb-js, ${name}`, theirs.rows, theirs.ms)]
  })
  printTable(`scan of ${NODES} nodes, in the page cache`, 'row', rows)
}

function best(pass: () => number): { rows: number; ms: number } {
  let ms = Number.POSITIVE_INFINITY
  let rows = 0
  for (let i = 0; i < PASSES; i++) {
    const startedMs = performance.now()
    rows = pass()
    ms = Math.min(ms, performance.now() - startedMs)
  }
  return { rows, ms }
}

function scan(path: string, name: string): number {
  const slab = SlabReader.open(path)
  const cursor = slab.db(name)?.cursor()
  let rows = 0
  for (let more = cursor?.seek(null); cursor !== undefined && more; more = cursor.next()) rows++
  slab.close()
  return rows
}

function openStore(path: string, name: string) {
  const root = open({ path, noSubdir: false, maxDbs: 128, encoding: 'binary', keyEncoding: 'binary' })
  return root.openDB<Buffer, Buffer>({
    name,
    dupSort: name !== 'bybuid',
    encoding: 'binary',
    keyEncoding: 'binary',
  })
}

function scanByLmdb(path: string, name: string): number {
  // A path is opened once in the life of a process.
  store ??= openStore(path, name)
  let rows = 0
  for (const _ of store.getRange({})) rows++
  return rows
}

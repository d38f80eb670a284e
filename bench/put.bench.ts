// Rows into a slab: built by us, put by lmdb-js, in key order and at random: `node dist/bench/put.bench.js`
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LeafBuilder } from '../src/page/leaf-builder.js'
import { SlabFileBuilder } from '../src/page/slab-file-builder.js'
import { loadLmdb } from '../src/slab/binding.js'
import { generator, printTable, resultRow } from './report.js'

const { open } = await loadLmdb()

const ROWS = 200_000
/** The fastest counts. */
const PASSES = 4
const KEY_BYTES = 40
const VALUE_BYTES = 50
const WAYS = { build: buildSlab, sorted: putSorted, random: putRandom } as const
const NAMES = { build: 'LeafBuilder + SlabFileBuilder', sorted: 'lmdb-js, in key order', random: 'lmdb-js, at random' }

const [, , way, path] = process.argv
// Each way in a process of its own: LMDB never unmaps what it has opened.
if (way === undefined) compare()
else {
  const rows = makeRows()
  let ms = Number.POSITIVE_INFINITY
  for (let pass = 0; pass < PASSES; pass++) {
    const startedMs = performance.now()
    await WAYS[way as keyof typeof WAYS](`${path}-${pass}`, rows)
    ms = Math.min(ms, performance.now() - startedMs)
  }
  console.log(ms)
}

function compare(): void {
  const dir = mkdtempSync(join(tmpdir(), 'bench-put-'))
  const results = Object.entries(NAMES).map(([key, name]) => {
    const args = [fileURLToPath(import.meta.url), key, join(dir, key)]
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    const ms = Number(stdout)
    if (!(ms > 0)) throw new Error(`${name} failed: ${stderr}`)
    return resultRow(name, ROWS, ms)
  })
  rmSync(dir, { recursive: true })
  printTable(`${ROWS} rows of ${KEY_BYTES} -> ${VALUE_BYTES} bytes into a new slab, synced once`, 'row', results)
}

/** In key order. */
function makeRows(): Buffer[] {
  const random = generator()
  const row = () => {
    const bytes = Buffer.alloc(KEY_BYTES + VALUE_BYTES)
    for (let i = 0; i < bytes.length; i++) bytes[i] = random(256)
    return bytes
  }
  return Array.from({ length: ROWS }, row).sort(Buffer.compare)
}

function buildSlab(dir: string, rows: readonly Buffer[]): void {
  const file = SlabFileBuilder.create(dir)
  const builder = new LeafBuilder({ dupSort: false, emit: (chunk) => file.place(0, chunk) })
  for (const row of rows) builder.add(row, 0, KEY_BYTES, row, KEY_BYTES, row.length)
  file.finishDb('rows', false, [{ stream: 0, summary: builder.finish() }])
  file.finish()
}

function putSorted(dir: string, rows: readonly Buffer[]): Promise<void> {
  return put(dir, rows, { append: true })
}

function putRandom(dir: string, rows: readonly Buffer[]): Promise<void> {
  const random = generator()
  const mixed = [...rows]
  for (let i = mixed.length - 1; i > 0; i--) {
    const j = random(i + 1)
    ;[mixed[i], mixed[j]] = [mixed[j], mixed[i]]
  }
  return put(dir, mixed, {})
}

async function put(path: string, rows: readonly Buffer[], options: { append?: boolean }): Promise<void> {
  const root = open({ path, maxDbs: 2, mapSize: 2 ** 30, encoding: 'binary', keyEncoding: 'binary' })
  const db = root.openDB<Buffer, Buffer>({ name: 'rows', encoding: 'binary', keyEncoding: 'binary' })
  db.transactionSync(() => {
    for (const row of rows) db.putSync(row.subarray(0, KEY_BYTES), row.subarray(KEY_BYTES), options)
  })
  await root.close()
}

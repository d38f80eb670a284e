// A thread that reads all rows of slabs again and again, for scan-threads.ts: each renewal opens the files again.
import { parentPort, workerData } from 'node:worker_threads'
import { SlabReader } from '../../src/page/page-reader.js'

const { paths, renewals, rounds } = workerData as { paths: string[]; renewals: number; rounds: number }
let scans = 0
let rows = 0
const incomplete: string[] = []
for (let renewal = 0; renewal < renewals; renewal++) {
  const slabs = paths.map((path) => SlabReader.open(path))
  for (let round = 0; round < rounds; round++) {
    for (const slab of slabs) {
      for (const name of slab.dbNames()) {
        const db = slab.db(name)
        if (db === undefined) continue
        let count = 0
        const cursor = db.cursor()
        for (let more = cursor.seek(null); more; more = cursor.next()) count++
        scans++
        rows += count
        if (count !== db.entries) incomplete.push(`${slab.path} ${name}: ${count} of ${db.entries}`)
      }
    }
  }
  for (const slab of slabs) slab.close()
}
parentPort?.postMessage({ scans, rows, incomplete })

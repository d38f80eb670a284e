import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'

export interface ScanResult {
  readonly scans: number
  readonly rows: number
  /** Scans that found another number of rows than the database has. */
  readonly incomplete: readonly string[]
}

/** Lets threads read every database of these slabs at the same time, opening the files again for each renewal. */
export async function scanInThreads(
  paths: readonly string[],
  { threads, renewals, rounds }: { threads: number; renewals: number; rounds: number },
): Promise<ScanResult> {
  const results = await Promise.all(
    Array.from({ length: threads }, () => {
      const workerData = { paths, renewals, rounds }
      const worker = new Worker(new URL('./scan-thread.js', import.meta.url), { workerData })
      return new Promise<ScanResult>((resolve, reject) => {
        worker.on('message', resolve)
        worker.on('error', reject)
      })
    }),
  )
  const sum = (pick: (result: ScanResult) => number) => results.reduce((total, result) => total + pick(result), 0)
  return {
    scans: sum(({ scans }) => scans),
    rows: sum(({ rows }) => rows),
    incomplete: results.flatMap(({ incomplete }) => incomplete),
  }
}

/** The layer slabs of a 0.1.x Cortex. */
export function layerSlabs(dir: string): string[] {
  const all = readdirSync(join(dir, 'layers'), { recursive: true, encoding: 'utf8' })
  return all.filter((path) => path.endsWith('.lmdb')).map((path) => join(dir, 'layers', path))
}

/** Every file below a directory with its digest and its times: what must not change, lock files included. */
export function fileState(dir: string): { [path: string]: string } {
  const entries = readdirSync(dir, { recursive: true, withFileTypes: true })
  const states = entries.map((entry): [string, string] => {
    const path = join(entry.parentPath, entry.name)
    const { size, mtimeMs, ctimeMs, mode } = statSync(path)
    const digest = entry.isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : 'directory'
    return [path, `${digest} ${size} ${mode} ${mtimeMs} ${ctimeMs}`]
  })
  return Object.fromEntries(states)
}

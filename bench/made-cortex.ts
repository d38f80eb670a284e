import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const GENERATOR = fileURLToPath(new URL('./synthetic-layer.js', import.meta.url))
export const LAUNCHER = fileURLToPath(new URL('../../bin/migrate_020.mjs', import.meta.url))

/** What the benchmarks let choose of a made-up Cortex. */
export interface CortexSize {
  readonly nodes: number
  readonly seed: number
  readonly forms?: string | undefined
  readonly forks?: string | undefined
}

/** Makes a Cortex in a process of its own, whose memory is then free again, and reads it into the page cache. */
export function makeCortex(dir: string, options: CortexSize): void {
  const startedMs = Date.now()
  const args = [GENERATOR, dir, '--nodes', String(options.nodes), '--seed', String(options.seed)]
  for (const name of ['forms', 'forks'] as const) if (options[name] !== undefined) args.push(`--${name}`, options[name])
  const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) throw new Error(`Cannot make ${options.nodes} nodes in "${dir}"`)
  warm(dir)
  process.stderr.write(`Made ${options.nodes} nodes in ${((Date.now() - startedMs) / 1000).toFixed(1)} s\n`)
}

/** Reads all slabs once: no run shall pay for what the next one finds in the page cache. */
export function warm(src: string): void {
  for (const layer of readdirSync(join(src, 'layers'))) {
    for (const slab of readdirSync(join(src, 'layers', layer))) {
      const file = join(src, 'layers', layer, slab, 'data.mdb')
      if (existsSync(file)) spawnSync('cp', [file, '/dev/null'])
    }
  }
}

/** Writes back what earlier runs have left dirty. */
export function settle(): void {
  spawnSync('sync')
}

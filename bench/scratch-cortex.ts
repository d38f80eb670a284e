import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeSyntheticCortex } from './synthetic-layer.js'

export interface ScratchCortex {
  /** Where more may be written. */
  readonly dir: string
  readonly src: string
  readonly layerDir: string
}

/** A made-up Cortex that is gone when the process ends. */
export async function scratchCortex(nodes: number): Promise<ScratchCortex> {
  const dir = mkdtempSync(join(tmpdir(), 'bench-'))
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
  const src = join(dir, 'src')
  await makeSyntheticCortex(src, { nodes })
  const [layer] = readdirSync(join(src, 'layers'))
  return { dir, src, layerDir: join(src, 'layers', layer) }
}

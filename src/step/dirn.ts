import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cortexPaths } from '../layout/paths.js'
import { type SnapshotJob, snapshotSlabs } from '../slab/snapshot.js'
import { copyWhole } from '../slab/write-whole.js'
import type { StepContext } from './context.js'
import { dirnEntries } from './dirn-entries.js'

export type DirnContext = Pick<StepContext, 'destDir' | 'layers' | 'log'> & { readonly srcDir: string }

/**
 * Copies a Cortex directory but for its layers: everything that the destination has of the same name is replaced, except
 * layers and the nexus log. Slabs are copied compactly and each in one state, so the source may be running.
 *
 * Returns once the destination can be worked on. `axon` settles when the axon is copied too, which nothing else needs and
 * which may take long.
 */
export async function copyDirn(context: DirnContext): Promise<{ readonly axon: Promise<void> }> {
  const { srcDir, destDir, log } = context
  log('INFO', `Starting cortex dirn migration: ${srcDir} to ${destDir}`)
  log('INFO', `Found ${context.layers.length} src physical layers.`)
  mkdirSync(destDir, { recursive: true, mode: 0o700 })
  makeLayerDirs(context)
  const slabs: SnapshotJob[] = []
  const axonSlabs: SnapshotJob[] = []
  for (const name of readdirSync(srcDir).sort()) {
    if (name === 'layers') continue
    const jobs = name.endsWith('axon') ? axonSlabs : slabs
    let isCopied = false
    for (const { path, kind } of dirnEntries(srcDir, name)) {
      const [source, dest] = [join(srcDir, path), join(destDir, path)]
      if (kind === 'dir' && !isCopied) clear(dest, name.endsWith('slabs'))
      if (kind === 'dir') mkdirSync(dest, { recursive: true, mode: 0o700 })
      else if (kind === 'file') copyWhole(source, dest)
      else jobs.push({ source, dest })
      isCopied = true
    }
    if (!isCopied) log('DEBUG', `Skipping "${join(srcDir, name)}": it is neither a file nor a directory`)
  }
  await snapshotSlabs(slabs)
  const axon = snapshotSlabs(axonSlabs).then(() => log('INFO', `Completed dirn copy from ${srcDir} to ${destDir}`))
  // Whoever awaits it later still gets the error; until then it must not count as unhandled.
  axon.catch(() => undefined)
  return { axon }
}

function makeLayerDirs({ destDir, layers, log }: DirnContext): void {
  for (const iden of layers) {
    const dir = cortexPaths(destDir).layer(iden).dir
    if (existsSync(dir)) log('INFO', `Layer dir exists, leaving as-is: ${iden}`)
    else mkdirSync(dir, { recursive: true, mode: 0o700 })
  }
}

/** Removes a directory of an earlier run; of the slabs the nexus log stays. */
function clear(dir: string, isSlabs: boolean): void {
  if (!isSlabs) rmSync(dir, { recursive: true, force: true })
  else if (existsSync(dir)) {
    for (const name of readdirSync(dir)) {
      if (!name.includes('nexus')) rmSync(join(dir, name), { recursive: true })
    }
  }
}

import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync, type Stats, statSync } from 'node:fs'
import { join } from 'node:path'
import { cortexPaths } from '../layout/paths.js'
import { type SnapshotJob, snapshotSlabs } from '../slab/snapshot.js'
import { copyWhole } from '../slab/write-whole.js'
import type { StepContext } from './context.js'

export type DirnContext = Pick<StepContext, 'srcDir' | 'destDir' | 'layers' | 'log'>

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
    const [source, dest] = [join(srcDir, name), join(destDir, name)]
    const stats = statOf(source)
    if (stats?.isFile()) copyWhole(source, dest)
    else if (!stats?.isDirectory()) log('DEBUG', `Skipping "${source}": it is neither a file nor a directory`)
    else if (name.endsWith('axon')) {
      rmSync(dest, { recursive: true, force: true })
      copyTree(source, dest, isTmp, axonSlabs)
    } else if (name.endsWith('slabs')) {
      clearButNexus(dest)
      copyTree(source, dest, isTmp, slabs)
    } else {
      rmSync(dest, { recursive: true, force: true })
      copyTree(source, dest, isSock, slabs)
    }
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

/** Copies files and notes slabs; links are followed, sockets and pipes left out. */
function copyTree(source: string, dest: string, isLeftOut: (name: string) => boolean, slabs: SnapshotJob[]): void {
  mkdirSync(dest, { recursive: true, mode: 0o700 })
  for (const name of readdirSync(source)) {
    const [from, to] = [join(source, name), join(dest, name)]
    const stats = statOf(from)
    if (stats === null || isLeftOut(name)) continue
    // A link to a directory above would never come to an end.
    if (stats.isDirectory() && isWithin(realpathSync(source), realpathSync(from))) continue
    if (stats.isFile()) copyWhole(from, to)
    else if (name.endsWith('.lmdb') && existsSync(join(from, 'data.mdb'))) slabs.push({ source: from, dest: to })
    else if (stats.isDirectory()) copyTree(from, to, isLeftOut, slabs)
  }
}

function isWithin(path: string, dir: string): boolean {
  return path === dir || path.startsWith(`${dir}/`)
}

function clearButNexus(dir: string): void {
  if (!existsSync(dir)) return
  for (const name of readdirSync(dir)) {
    if (!name.includes('nexus')) rmSync(join(dir, name), { recursive: true })
  }
}

function isTmp(name: string): boolean {
  return name === 'tmp'
}

function isSock(name: string): boolean {
  return name === 'sock'
}

/** What a link leads to; null when it leads nowhere, or the file is gone meanwhile. */
function statOf(path: string): Stats | null {
  return statSync(path, { throwIfNoEntry: false }) ?? null
}

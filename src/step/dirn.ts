import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { MigrationError } from '../errors.js'
import { joinPath, removeTree } from '../file/remove-tree.js'
import { cortexPaths } from '../layout/paths.js'
import { snapshotGroups } from '../slab/snapshot.js'
import type { SnapshotJob } from '../slab/snapshot-job.js'
import { copyWhole } from '../slab/write-whole.js'
import { type CopiedFile, copiedFiles } from '../source/copied-files.js'
import type { StepContext } from './context.js'

export type DirnContext = Pick<StepContext, 'destDir' | 'layers' | 'log'> & {
  readonly srcDir: string
  /** The operator's path of the source when `srcDir` is a copy; for messages. */
  readonly givenDir?: string
  /** Layers that the destination should have, but empty. */
  readonly emptyLayers?: readonly string[]
}

/**
 * Copies a Cortex directory without its layers. Replaces everything in the destination with the same name, except
 * layers and the nexus log. Slabs are copied compactly, each in a single state, so the source may be running.
 *
 * Returns when other steps can work on the destination. `axon` settles when the axon is copied too: nothing else needs
 * it, and it may take long.
 */
export async function copyDirn(context: DirnContext): Promise<{ readonly axon: Promise<void> }> {
  const { srcDir, givenDir = srcDir, destDir, log } = context
  log('INFO', `Starting cortex dirn migration: ${givenDir} to ${destDir}`)
  log('INFO', `Found ${context.layers.length} src physical layers.`)
  mkdirSync(destDir, { recursive: true, mode: 0o700 })
  makeLayerDirs(context)
  const slabs: CopiedFile[] = []
  const axonSlabs: CopiedFile[] = []
  for (const file of copiedFiles(srcDir)) {
    if ('reason' in file) {
      // Preflight warns about these.
      if (file.kind === 'left out') continue
      throw new MigrationError('ERR_SOURCE', `Cannot copy "${givenDir}": ${file.reason}`, { hint: file.hint })
    }
    const { kind, path, names } = file
    const dest = joinPath(destDir, ...names)
    if (kind === 'file') copyWhole(path, dest)
    else if (kind === 'directory') makeDir(names, dest)
    else if (isAxon(names)) axonSlabs.push(file)
    else slabs.push(file)
  }
  const [copied, axonCopied] = copySlabs([slabs, axonSlabs], destDir)
  const axon = axonCopied.then(() => log('INFO', `Completed dirn copy from ${givenDir} to ${destDir}`))
  // The caller may await it later and still gets the error. Until then it must not count as an unhandled rejection.
  axon.catch(() => undefined)
  await copied
  return { axon }
}

function makeLayerDirs({ destDir, layers, emptyLayers = [], log }: DirnContext): void {
  for (const iden of [...layers, ...emptyLayers]) {
    const { dir } = cortexPaths(destDir).layer(iden)
    if (existsSync(dir)) log('INFO', `Layer dir exists, leaving as-is: ${iden}`)
    else mkdirSync(dir, { recursive: true, mode: 0o700 })
  }
}

/** Creates a directory. At the top level it replaces the one in the destination. */
function makeDir(names: readonly Buffer[], dest: Buffer): void {
  if (names.length === 1) {
    if (!endsWith(names[0], 'slabs')) removeTree(dest)
    else if (existsSync(dest)) {
      for (const name of readdirSync(dest, { encoding: 'buffer' })) {
        if (!name.toString('latin1').includes('nexus')) removeTree(joinPath(dest, name))
      }
    }
  }
  mkdirSync(dest, { recursive: true, mode: 0o700 })
}

/** Copies one group of slabs after another. */
function copySlabs(groups: readonly (readonly CopiedFile[])[], destDir: string): Promise<void>[] {
  const copies = groups.map((slabs) => copiesOf(slabs, destDir))
  const copied = snapshotGroups(copies.map(({ jobs }) => jobs))
  return copies.map(async ({ place, clear }, i) => {
    try {
      await copied[i]
      place()
    } finally {
      clear()
    }
  })
}

/**
 * LMDB takes paths as text. If a slab's path is not valid text, we reach it through links, and move the copy to its
 * place.
 */
function copiesOf(slabs: readonly CopiedFile[], destDir: string) {
  const odd = slabs.filter(({ path, names }) => !isText(path) || !names.every(isText))
  const jobs = slabs
    .filter((slab) => !odd.includes(slab))
    .map(({ path, names }): SnapshotJob => ({ source: path.toString(), dest: joinPath(destDir, ...names).toString() }))
  if (odd.length === 0) return { jobs, place: () => {}, clear: () => {} }
  const dir = mkdtempSync(join(cortexPaths(destDir).dir, 'dirn-'))
  for (const [i, { path }] of odd.entries()) symlinkSync(absolute(path), join(dir, `source${i}`))
  jobs.push(...odd.map((_, i) => ({ source: join(dir, `source${i}`), dest: join(dir, `dest${i}`) })))
  return {
    jobs,
    place: () => {
      for (const [i, { names }] of odd.entries()) renameSync(join(dir, `dest${i}`), joinPath(destDir, ...names))
    },
    clear: () => rmSync(dir, { recursive: true }),
  }
}

function isAxon([top]: readonly Buffer[]): boolean {
  return endsWith(top, 'axon')
}

function endsWith(name: Buffer, end: string): boolean {
  return name.toString('latin1').endsWith(end)
}

function isText(name: Buffer): boolean {
  return Buffer.from(name.toString()).equals(name)
}

function absolute(path: Buffer): Buffer {
  return path[0] === 0x2f ? path : joinPath(resolve('.'), path)
}

import { cortexPaths } from '../layout/paths.js'
import { Model } from '../model/model.js'
import type { ModelFile } from '../model/model-file.js'
import { SlabReader } from '../page/page-reader.js'
import { readExtModel, readSource, type SourceCortex } from '../source/cortex-dir.js'
import { FormFinder } from '../source/form-finder.js'
import { withSource } from '../upgrade/with-source.js'
import { findUncovered, type Uncovered } from './coverage.js'
import { countNames, noNames, type RowNames } from './row-names.js'

export interface CheckOptions {
  readonly srcDir: string
  readonly files: readonly ModelFile[]
  readonly tell: (text: string) => void
  readonly progress: (layer: string, rows: number, total: number) => void
}

/**
 * Reads all rows of a 0.1.x Cortex and tells which of their names no model has.
 *
 * @throws {MigrationError} ERR_SOURCE when it is no 0.1.x Cortex
 */
export async function checkModel(options: CheckOptions): Promise<Uncovered> {
  return await withRead(
    options,
    (source, names) => findUncovered(names, options.files, readExtModel(source.hive)).uncovered,
  )
}

/** Calls `use` with a source of any 0.1.x release, as 0.1.58 leaves it, and the names of all of its rows. */
export async function withRead<T>(
  options: CheckOptions,
  use: (source: SourceCortex, names: RowNames) => T,
): Promise<T> {
  const { srcDir, tell } = options
  // What makes no sense is told in the end, and is no reason to see nothing.
  const scratch = Model.core()
  const modelFiles = options.files.map((file) => scratch.addWhatFits(file).fitting)
  return await withSource({ srcDir, destDir: null, modelFiles, depth: 'whole', tell }, (dir) => {
    const source = readSource(dir, undefined, srcDir)
    const names = noNames()
    withSlabs(source, (slabs) => {
      for (const [iden, slab] of slabs) {
        const others = [...slabs.values()].filter((other) => other !== slab)
        countNames(slab, new FormFinder(others, new Map()), names, (rows, total) => options.progress(iden, rows, total))
        slab.assertUnchanged()
      }
    })
    return use(source, names)
  })
}

/** Calls `use` with `layer.lmdb` of each layer that has one, by iden. */
export function withSlabs<T>({ dir, layers }: SourceCortex, use: (slabs: ReadonlyMap<string, SlabReader>) => T): T {
  const slabs = new Map<string, SlabReader>()
  try {
    for (const { iden } of layers) {
      const path = cortexPaths(dir).layer(iden).slab('layer')
      if (SlabReader.exists(path)) slabs.set(iden, SlabReader.open(path))
    }
    return use(slabs)
  } finally {
    for (const slab of slabs.values()) slab.close()
  }
}

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
 * Reads all rows of a 0.1.x Cortex and reports the names that no model has.
 *
 * @throws {MigrationError} ERR_SOURCE when it is not a 0.1.x Cortex
 */
export async function checkModel(options: CheckOptions): Promise<Uncovered> {
  return await withRead(
    options,
    (source, names) => findUncovered(names, options.files, readExtModel(source.hive)).uncovered,
  )
}

/** Calls `use` with a source of any 0.1.x release, upgraded as 0.1.58 would, and the names in all of its rows. */
export async function withRead<T>(
  options: CheckOptions,
  use: (source: SourceCortex, names: RowNames) => T,
): Promise<T> {
  const { srcDir, tell } = options
  // Parts that make no sense are reported at the end; they must not stop the check.
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

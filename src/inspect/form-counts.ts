import { join } from 'node:path'
import { BUID_BYTES } from '../bytes/buid.js'
import { MigrationError } from '../errors.js'
import { cortexPaths } from '../layout/paths.js'
import { NameMark } from '../layout/source-layer.js'
import { SlabReader } from '../page/page-reader.js'
import { readLayerDirs } from '../source/layer-dirs.js'
import { findNodeRows } from '../source/source-dbs.js'

/** Nodes per form in one layer, for source and destination. */
export interface LayerFormCounts {
  readonly iden: string
  /** Sorted by form name. */
  readonly forms: readonly { readonly form: string; readonly source: number; readonly dest: number }[]
  /** Whether the destination has this layer. */
  readonly inDest: boolean
}

/**
 * Counts the nodes of each form in every layer directory of a source, and reads the counts of a destination; layers and
 * forms are sorted. A layer that the destination lacks counts as zero there.
 *
 * @throws {MigrationError} ERR_SOURCE or ERR_DEST when a directory holds no layers
 */
export function countForms(srcDir: string, destDir: string | null): LayerFormCounts[] {
  const idens = layerDirs(srcDir, 'ERR_SOURCE')
  if (destDir !== null) layerDirs(destDir, 'ERR_DEST')
  return idens.map((iden) => {
    const source = sourceCounts(cortexPaths(srcDir).layer(iden).dir)
    const dest = destDir === null ? null : destCounts(cortexPaths(destDir).layer(iden).dir)
    const names = [...new Set([...source.keys(), ...(dest?.keys() ?? [])])].sort(compareBytes)
    const forms = names.map((form) => ({ form, source: source.get(form) ?? 0, dest: dest?.get(form) ?? 0 }))
    return { iden, forms, inDest: dest !== null }
  })
}

/** The table that `--form-counts` prints for a layer. */
export function formCountTable({ iden, forms }: Pick<LayerFormCounts, 'iden' | 'forms'>): string {
  const total = { source: 0, dest: 0 }
  const lines = forms.map(({ form, source, dest }) => {
    total.source += source
    total.dest += dest
    return line(form, source, dest, dest - source)
  })
  const { source, dest } = total
  const head = ['\n', `Form counts for layer ${iden}:`, line('FORM', 'SRC_CNT', 'DEST_CNT', 'DIFF')]
  return [...head, ...lines, line('TOTAL', source, dest, dest - source), '\n'].join('\n')
}

function line(form: string, ...cells: (string | number)[]): string {
  return form.padEnd(35) + cells.map((cell) => String(cell).padEnd(15)).join('')
}

function layerDirs(dir: string, code: 'ERR_SOURCE' | 'ERR_DEST'): readonly string[] {
  const found = readLayerDirs(dir)
  if (found !== null) return found.dirs
  throw new MigrationError(code, `Cannot count forms in "${dir}": it has no directory "layers"`, {
    hint: 'Give the directory of a Cortex',
  })
}

function sourceCounts(layerDir: string): Map<string, number> {
  const counts = new Map<string, number>()
  const path = join(layerDir, 'layer.lmdb')
  if (!SlabReader.exists(path)) return counts
  const slab = SlabReader.open(path)
  try {
    const cursor = findNodeRows(slab)?.cursor()
    for (let more = cursor?.seek(null); cursor !== undefined && more; more = cursor.next()) {
      const nameStart = cursor.keyStart + BUID_BYTES
      if (nameStart >= cursor.keyEnd || cursor.buf[nameStart] !== NameMark.form) continue
      const form = Buffer.from(cursor.buf.subarray(nameStart + 1, cursor.keyEnd)).toString('utf8')
      counts.set(form, (counts.get(form) ?? 0) + 1)
    }
    slab.assertUnchanged()
  } finally {
    slab.close()
  }
  return counts
}

function destCounts(layerDir: string): Map<string, number> | null {
  const path = join(layerDir, 'layer_v2.lmdb')
  if (!SlabReader.exists(path)) return null
  const slab = SlabReader.open(path)
  try {
    const rows = [...(slab.db('count:forms')?.rows() ?? [])]
    return new Map(rows.map(({ key, value }) => [Buffer.from(key).toString('utf8'), count(value)]))
  } finally {
    slab.close()
  }
}

function count(value: Uint8Array): number {
  return Number(Buffer.from(value).readBigUInt64BE())
}

function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

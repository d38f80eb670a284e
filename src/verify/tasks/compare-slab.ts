import { SlabReader } from '../../page/page-reader.js'
import { MemorySlab } from '../../slab/memory-slab.js'
import { keyText, STARTED_ROW } from '../cell-rows.js'
import type { RowMismatch } from '../row-mismatches.js'
import { slabDifferences } from '../slab-differences.js'

/** How many differences we describe; we count all. */
const MOST_DIFFERENCES = 1000

export interface CompareSlabInput {
  readonly source: string
  readonly dest: string
  /** Whether Synapse has been started on the copy: we then ignore what it added, and where it stores its release. */
  readonly isStarted: boolean
}

export interface CopyDifference extends Omit<RowMismatch, 'key'> {
  /** Database and key. */
  readonly row: string
}

export interface CompareSlabResult {
  readonly rows: number
  readonly differences: readonly CopyDifference[]
  readonly differenceCount: number
}

/** Compares a copied slab with the source's, row by row. Opens both only for this. */
export function compareSlab({ source, dest, isStarted }: CompareSlabInput): CompareSlabResult {
  const differences: CopyDifference[] = []
  let differenceCount = 0
  const before = SlabReader.open(source)
  try {
    const after = SlabReader.open(dest)
    try {
      const rows = slabDifferences(
        new MemorySlab(before),
        new MemorySlab(after),
        ({ kind, db, key, what, expected, found }) => {
          const isOwn = kind === 'extra' || (key !== null && Buffer.compare(key, Buffer.from(STARTED_ROW)) === 0)
          if (isStarted && isOwn) return
          differenceCount++
          if (differences.length === MOST_DIFFERENCES) return
          const row = [db, key === null ? what : keyText(key, '/')].filter(Boolean).join(' ')
          differences.push({ kind, row, expected, found })
        },
      )
      return { rows, differences, differenceCount }
    } finally {
      after.close()
    }
  } finally {
    before.close()
  }
}

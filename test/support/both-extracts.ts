import assert from 'node:assert/strict'
import { PAGE_BYTES } from '../../src/page/format.js'
import { LeafBuilder } from '../../src/page/leaf-builder.js'
import { extractSplices, type SpliceExtractResult } from '../../src/stream/splice-extract.js'
import { usualSplices } from '../../src/stream/usual-splices.js'
import type { SpliceFailure } from '../../src/translate/splice-sink.js'
import type { StortypeSource } from '../../src/translate/stortypes.js'

export interface BothExtracts {
  readonly result: SpliceExtractResult
  /** In hex. */
  readonly rows: readonly string[]
  readonly failures: readonly SpliceFailure[]
  /** Splices that the kernel translated in the second pass. */
  readonly inKernel: number
}

/**
 * Extracts a range in JavaScript, then with the kernel, and checks that both make the same pages, failures and counts, or
 * fail alike.
 *
 * @throws {Error} when both fail
 */
export function extractBoth(
  stortypes: StortypeSource,
  slabPath: string,
  start: number,
  end: number | null,
): BothExtracts {
  const rows: string[] = []
  const js = attempt((builder, failure) =>
    extractSplices({
      slabPath,
      start,
      end,
      stortypes,
      rows: {
        add: (...row) => {
          const [keyBuf, keyStart, keyEnd, valueBuf, valueStart, valueEnd] = row
          assert.equal(Buffer.from(keyBuf).readBigUInt64BE(keyStart), BigInt(rows.length))
          assert.equal(keyEnd - keyStart, 8)
          rows.push(Buffer.from(valueBuf.subarray(valueStart, valueEnd)).toString('hex'))
          builder.add(...row)
        },
      },
      failure,
    }),
  )
  const both = attempt((builder, failure) =>
    extractSplices({ slabPath, start, end, stortypes, rows: builder, failure }),
  )
  const inKernel = usualSplices().translated
  assert.deepEqual(both, js)
  const { result, failures, error } = js
  if (result === null) throw error
  assert.equal(result.rows, rows.length)
  assert.equal(result.failures, failures.length)
  return { result, rows, failures, inKernel }
}

function attempt(extract: (rows: LeafBuilder, failure: (failure: SpliceFailure) => void) => SpliceExtractResult) {
  // Where chunks end depends on the buffers that earlier builders have left.
  const pages: Buffer[] = []
  const fixups: number[] = []
  const failures: SpliceFailure[] = []
  const builder = new LeafBuilder({
    dupSort: false,
    emit: (chunk) => {
      fixups.push(...Array.from(chunk.fixups, (at) => at + chunk.firstPage * PAGE_BYTES))
      pages.push(Buffer.from(chunk.bytes))
    },
  })
  let result: SpliceExtractResult | null = null
  let error: Error | null = null
  try {
    result = extract(builder, (failure) => failures.push(failure))
  } catch (thrown) {
    error = thrown as Error
  }
  const summary = builder.finish()
  return error === null
    ? { result, failures, error, pages: Buffer.concat(pages), fixups, summary }
    : { result, failures, error }
}

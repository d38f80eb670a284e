import { xxh64 } from '../../bytes/xxh64.js'
import { LOG_DB } from '../../dest/migration-log.js'
import type { ModelData } from '../../model/model.js'
import { spliceErrorRecord } from '../../stream/splice-error.js'
import { extractSplices } from '../../stream/splice-extract.js'
import { openSource, workerStortypes } from '../../stream/worker-state.js'

/** How many differences a task describes; it counts all. */
const MOST_DIFFERENCES = 100

export interface VerifySplicesInput {
  readonly layer: string
  /** Path of the migration log, or null when there is none. */
  readonly logPath: string | null
  /** Path of the source's `splices.lmdb`. */
  readonly slabPath: string
  readonly start: number
  readonly end: number | null
  readonly model: ModelData
}

export interface VerifySplicesResult {
  readonly splices: number
  readonly failures: number
  /** How many node edits the range becomes, and a digest of them in order. */
  readonly rows: number
  readonly digest: bigint
}

/** A splice that cannot be translated, with a wrong or missing record in the migration log. */
export interface SpliceErrorDifference {
  readonly offset: number
  readonly expected: Uint8Array
  readonly found: Uint8Array | null
}

export interface VerifySplicesResults {
  readonly result: VerifySplicesResult
  readonly differences: readonly SpliceErrorDifference[]
  readonly differenceCount: number
}

/** Translates a range of a splice log again, digests the node edits, and looks up the others in the migration log. */
export function verifySplices(input: VerifySplicesInput): VerifySplicesResults {
  const digest = new ChainDigest()
  const log = input.logPath === null ? null : openSource(input.logPath).db(LOG_DB)
  const differences: SpliceErrorDifference[] = []
  let differenceCount = 0
  const { rows, translated, failures } = extractSplices({
    ...input,
    stortypes: workerStortypes(input.model),
    rows: { add: (_key, _keyStart, _keyEnd, buf, start, end) => digest.add(buf.subarray(start, end)) },
    failure: (failure) => {
      const { key, value: expected } = spliceErrorRecord(input.layer, failure)
      const found = log?.get(Buffer.concat([Buffer.from('splices\0error\0'), key])) ?? null
      if (log === null || (found !== null && Buffer.compare(found, expected) === 0)) return
      differenceCount++
      if (differences.length < MOST_DIFFERENCES) differences.push({ offset: failure.offset, expected, found })
    },
  })
  const result = { splices: translated + failures, failures, rows, digest: digest.value }
  return { result, differences, differenceCount }
}

export interface VerifyEditsInput extends VerifySplicesInput {
  /** Path of the destination's `nodeedits.lmdb`. */
  readonly editsPath: string
  /** Index of the first node edit of the range, how many it has, and their digest. */
  readonly first: number
  readonly rows: number
  readonly digest: bigint
}

export interface EditDifference {
  readonly index: number
  readonly expected: Uint8Array | null
  readonly found: Uint8Array | null
}

export interface VerifyEditsResult {
  readonly differences: readonly EditDifference[]
  readonly differenceCount: number
}

/**
 * Compares the node edits of a range with those of the destination: digests first, and single edits where those differ.
 */
export function verifyEdits(input: VerifyEditsInput): VerifyEditsResult {
  const found = new ChainDigest()
  let rows = 0
  for (const { key, value } of edits(input)) {
    if (index(key) === input.first + rows) rows++
    found.add(value)
  }
  if (rows === input.rows && found.value === input.digest) return { differences: [], differenceCount: 0 }
  return compare(input)
}

function compare(input: VerifyEditsInput): VerifyEditsResult {
  const differences: EditDifference[] = []
  let differenceCount = 0
  const differs = (difference: EditDifference) => {
    differenceCount++
    if (differences.length < MOST_DIFFERENCES) differences.push(difference)
  }
  const there = new Map([...edits(input)].map(({ key, value }) => [index(key), value]))
  let at = input.first
  extractSplices({
    ...input,
    stortypes: workerStortypes(input.model),
    rows: {
      add: (_key, _keyStart, _keyEnd, buf, start, end) => {
        const expected = Uint8Array.from(buf.subarray(start, end))
        const found = there.get(at) ?? null
        there.delete(at)
        if (found === null || Buffer.compare(found, expected) !== 0) differs({ index: at, expected, found })
        at++
      },
    },
    failure: () => undefined,
  })
  for (const [extra, found] of there) differs({ index: extra, expected: null, found })
  return { differences, differenceCount }
}

function edits({ editsPath, first, rows }: VerifyEditsInput): Iterable<{ key: Uint8Array; value: Uint8Array }> {
  return (
    openSource(editsPath)
      .db('nodeedits')
      ?.rows(int64(first), int64(first + rows)) ?? []
  )
}

/** A digest of values in order. */
class ChainDigest {
  value = 0n

  add(bytes: Uint8Array): void {
    this.value = BigInt.asUintN(64, (this.value * 31n) ^ xxh64(bytes))
  }
}

function index(key: Uint8Array): number {
  return key.length === 8 ? Number(Buffer.from(key).readBigUInt64BE()) : -1
}

function int64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

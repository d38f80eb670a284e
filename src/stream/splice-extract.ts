import type { RowSink } from '../bytes/spans.js'
import { MigrationError } from '../errors.js'
import { SlabReader } from '../page/page-reader.js'
import type { RowCursor } from '../page/row-cursor.js'
import { spliceRows } from '../source/source-dbs.js'
import type { SpliceFailure } from '../translate/splice-sink.js'
import { SpliceTranslator } from '../translate/splices.js'
import type { StortypeSource } from '../translate/stortypes.js'

/** How many gaps we list; further ones only count. */
const MOST_GAPS = 100

export interface SpliceExtractArgs {
  /** `splices.lmdb` of a layer. */
  readonly slabPath: string
  /** Translates the groups whose first splice is in `[start, end)`; null: to the end of the log. */
  readonly start: number
  readonly end: number | null
  readonly stortypes: StortypeSource
  /** Takes the rows of the node edit log. Their int64 keys start at 0 in each range. */
  readonly rows: RowSink
  readonly failure: (failure: SpliceFailure) => void
  /** Called now and then with the number of splices read since the last call. */
  readonly progress?: (splices: number) => void
}

export interface SpliceExtractResult {
  /** Rows handed on. The rows of the next range are numbered from the sum of all ranges before it. */
  readonly rows: number
  /** Splices in these rows. */
  readonly translated: number
  readonly failures: number
  /** How many of these splices used names of an older model. */
  readonly renamed: number
  /** Offsets of the first and last splice that this range translated or reported; null when there were none. */
  readonly firstOffset: number | null
  readonly lastOffset: number | null
  /** How many offsets in `[start, end)` have no row, and the first of these gaps as `[start, end)`. */
  readonly missing: number
  readonly gaps: readonly (readonly [start: number, end: number])[]
}

/**
 * Translates one range of a layer's splice log into rows of the node edit log. Ranges may be cut anywhere: this reads a
 * group to its end even beyond the range, and skips leading splices that continue a group of the range before. So
 * together the ranges hold every splice exactly once, and give the same rows however they are cut.
 *
 * @throws {MigrationError} when the slab cannot be read
 */
export function extractSplices(args: SpliceExtractArgs): SpliceExtractResult {
  const slab = SlabReader.open(args.slabPath)
  try {
    const db = spliceRows(slab)
    return new RangeExtractor(args).run(db === undefined ? null : db.scanner())
  } finally {
    slab.close()
  }
}

const PROGRESS_SPLICES = 1 << 16

class RangeExtractor {
  private readonly args: SpliceExtractArgs
  private readonly translator: SpliceTranslator
  private readonly key = Buffer.alloc(8)
  private readonly gaps: [number, number][] = []
  private missing = 0
  private rows = 0
  private translated = 0
  private failures = 0
  private firstOffset: number | null = null
  private lastOffset: number | null = null
  private unreported = 0

  constructor(args: SpliceExtractArgs) {
    this.args = args
    this.translator = new SpliceTranslator(args.stortypes, {
      nodeEdit: ({ buf, rowStart, end, splices }) => {
        writeKey(this.key, this.rows++)
        this.translated += splices
        args.rows.add(this.key, 0, 8, buf, rowStart, end)
      },
      failure: (failure) => {
        this.failures++
        args.failure(failure)
      },
    })
  }

  run(cursor: RowCursor | null): SpliceExtractResult {
    if (cursor !== null) this.read(cursor)
    this.translator.flush()
    this.report()
    return {
      rows: this.rows,
      translated: this.translated,
      failures: this.failures,
      renamed: this.translator.renamed,
      firstOffset: this.firstOffset,
      lastOffset: this.lastOffset,
      missing: this.missing,
      gaps: this.gaps,
    }
  }

  private read(cursor: RowCursor): void {
    const { start, end } = this.args
    const translator = this.translator
    let leading = start > 0
    let expected = start
    let last = -1
    const stop = end === null ? null : keyOf(end)
    // Start at the splice before the range: it tells whether the first one starts a group.
    for (let more = cursor.seek(start === 0 ? null : keyOf(start - 1), stop); more; more = cursor.next()) {
      const offset = this.offset(cursor)
      if (offset < 0) {
        this.failKey(cursor, expected)
        continue
      }
      if (offset <= last) throw outOfOrder(this.args.slabPath, offset, last)
      last = offset
      const { valueBuf, valueStart, valueEnd } = cursor
      if (offset < start) {
        translator.pass(offset, valueBuf, valueStart, valueEnd)
        continue
      }
      if (end !== null && offset >= end) {
        this.gap(expected, end)
        expected = end
        if (leading || !translator.continues(offset, valueBuf, valueStart, valueEnd)) return
      } else {
        this.gap(expected, offset)
        expected = offset + 1
        leading &&= translator.pass(offset, valueBuf, valueStart, valueEnd)
        if (leading) continue
      }
      this.firstOffset ??= offset
      this.lastOffset = offset
      translator.add(offset, valueBuf, valueStart, valueEnd)
      if (++this.unreported === PROGRESS_SPLICES) this.report()
    }
    if (end !== null) this.gap(expected, end)
  }

  /** The row's offset, or -1: 0.1.x never writes a key that is not an offset. */
  private offset({ buf, keyStart, keyEnd }: RowCursor): number {
    if (keyEnd - keyStart !== 8) return -1
    const high = uint32(buf, keyStart)
    return high < 0x20_0000 ? high * 0x1_0000_0000 + uint32(buf, keyStart + 4) : -1
  }

  /** Reports a row whose key is not an offset, under the offset that we expected there. */
  private failKey(cursor: RowCursor, expected: number): void {
    const { start, end } = this.args
    const key = cursor.key()
    const isBefore = start > 0 && Buffer.compare(key, keyOf(start)) < 0
    const isBehind = end !== null && Buffer.compare(key, keyOf(end)) >= 0
    if (isBefore || isBehind) return
    this.failures++
    this.args.failure({
      offset: expected,
      code: 'ROW',
      message: `Cannot read splice: its key ${Buffer.from(key).toString('hex')} is not an offset`,
      subject: '',
      oldModel: false,
      splice: cursor.value(),
    })
  }

  private gap(start: number, end: number): void {
    if (start >= end) return
    this.missing += end - start
    if (this.gaps.length < MOST_GAPS) this.gaps.push([start, end])
  }

  private report(): void {
    if (this.unreported > 0) this.args.progress?.(this.unreported)
    this.unreported = 0
  }
}

function outOfOrder(slabPath: string, offset: number, last: number): MigrationError {
  return new MigrationError(
    'ERR_SLAB_CORRUPT',
    `Cannot read slab "${slabPath}": splice ${offset} comes behind ${last}`,
    {
      hint: 'Restore it from a backup, or try "mdb_copy -c" of LMDB, which tells whether it can still be copied',
    },
  )
}

function keyOf(offset: number): Uint8Array {
  const key = Buffer.alloc(8)
  writeKey(key, offset)
  return key
}

function writeKey(key: Buffer, value: number): void {
  key.writeUInt32BE(Math.floor(value / 0x1_0000_0000), 0)
  key.writeUInt32BE(value % 0x1_0000_0000, 4)
}

function uint32(buf: Uint8Array, at: number): number {
  return ((buf[at] << 24) | (buf[at + 1] << 16) | (buf[at + 2] << 8) | buf[at + 3]) >>> 0
}

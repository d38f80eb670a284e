import type { RowSink } from '../bytes/spans.js'
import { MigrationError } from '../errors.js'
import { LeafBuilder } from '../page/leaf-builder.js'
import { SlabReader } from '../page/page-reader.js'
import type { RowCursor } from '../page/row-cursor.js'
import { spliceRows } from '../source/source-dbs.js'
import type { SpliceFailure } from '../translate/splice-sink.js'
import { SpliceTranslator } from '../translate/splices.js'
import type { StortypeSource } from '../translate/stortypes.js'
import { offsetKey, writeOffset } from './offset-key.js'
import { type UsualSplices, usualSplices } from './usual-splices.js'

/** How many gaps we list; further ones only count. */
const MOST_GAPS = 100

export interface SpliceExtractArgs {
  /** `splices.lmdb` of a layer. */
  readonly slabPath: string
  /** Translates the groups whose first splice is in `[start, end)`; null: to the end of the log. */
  readonly start: number
  readonly end: number | null
  readonly stortypes: StortypeSource
  /**
   * Takes the rows of the node edit log. Their int64 keys start at 0 in each range. With a `LeafBuilder` the kernel
   * translates all groups of usual splices; with anything else we translate all in JavaScript.
   */
  readonly rows: RowSink | LeafBuilder
  readonly failure: (failure: SpliceFailure) => void
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

class RangeExtractor {
  private readonly args: SpliceExtractArgs
  private readonly translator: SpliceTranslator
  private readonly usual: UsualSplices | null
  private readonly stop: Uint8Array | null
  private readonly key = Buffer.alloc(8)
  private readonly gaps: [number, number][] = []
  /** The offset that should come next, and the last one that we have seen. */
  private expected: number
  private last = -1
  private missing = 0
  private rows = 0
  private translated = 0
  private failures = 0
  private firstOffset: number | null = null
  private lastOffset: number | null = null

  constructor(args: SpliceExtractArgs) {
    this.args = args
    this.expected = args.start
    this.stop = args.end === null ? null : offsetKey(args.end)
    this.translator = new SpliceTranslator(args.stortypes, {
      nodeEdit: ({ buf, rowStart, end, splices }) => {
        writeOffset(this.key, this.rows++)
        this.translated += splices
        args.rows.add(this.key, 0, 8, buf, rowStart, end)
      },
      failure: (failure) => {
        this.failures++
        args.failure(failure)
      },
    })
    this.usual = args.rows instanceof LeafBuilder ? usualSplices() : null
    if (args.rows instanceof LeafBuilder) this.usual?.open(args.stortypes, args.rows.pages, args.end)
  }

  run(cursor: RowCursor | null): SpliceExtractResult {
    if (cursor !== null) this.read(cursor)
    this.translator.flush()
    return {
      rows: this.rows,
      translated: this.translated + (this.usual?.translated ?? 0),
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
    const { translator, usual } = this
    let leading = start > 0
    let isOdd = false
    // Start at the splice before the range: it tells whether the first one starts a group.
    let more = cursor.seek(start === 0 ? null : offsetKey(start - 1), this.stop)
    while (more) {
      const offset = this.offset(cursor)
      const { valueBuf, valueStart, valueEnd } = cursor
      if (offset < 0) {
        this.failKey(cursor)
      } else if (offset <= this.last) {
        throw outOfOrder(this.args.slabPath, offset, this.last)
      } else if (offset < start) {
        this.last = offset
        translator.pass(offset, valueBuf, valueStart, valueEnd)
      } else {
        const isBehind = end !== null && offset >= end
        this.last = offset
        this.gap(this.expected, isBehind ? end : offset)
        this.expected = isBehind ? end : offset + 1
        if (isBehind && leading) return
        leading &&= translator.pass(offset, valueBuf, valueStart, valueEnd)
        if (leading) {
          // Splices of the range before.
        } else if (!isBehind && (usual === null || isOdd)) {
          translator.add(offset, valueBuf, valueStart, valueEnd)
          this.noteOffset(offset)
        } else if (translator.addNext(offset, valueBuf, valueStart, valueEnd)) {
          this.noteOffset(offset)
        } else if (isBehind || usual === null) {
          return
        } else {
          translator.flush()
          more = this.addUsual(cursor, usual, offset)
          isOdd = usual.isOdd
          continue
        }
        isOdd = false
      }
      more = cursor.next()
    }
    if (end !== null) this.gap(this.expected, end)
  }

  /** Has the kernel translate all groups up to one that is not usual. Returns whether there are more splices. */
  private addUsual(cursor: RowCursor, usual: UsualSplices, offset: number): boolean {
    const more = usual.translate(cursor, offset, this.rows)
    const { next } = usual
    this.rows = usual.rows
    this.expected = next
    this.last = next - 1
    if (next > offset) {
      this.noteOffset(offset)
      this.noteOffset(next - 1)
    }
    return more
  }

  private noteOffset(offset: number): void {
    this.firstOffset ??= offset
    this.lastOffset = offset
  }

  /** The row's offset, or -1: 0.1.x never writes a key that is not an offset. */
  private offset({ buf, keyStart, keyEnd }: RowCursor): number {
    if (keyEnd - keyStart !== 8) return -1
    const high = uint32(buf, keyStart)
    return high < 0x20_0000 ? high * 0x1_0000_0000 + uint32(buf, keyStart + 4) : -1
  }

  /** Reports a row whose key is not an offset, under the offset that we expected there. */
  private failKey(cursor: RowCursor): void {
    const { start, end } = this.args
    const key = cursor.key()
    const isBefore = start > 0 && Buffer.compare(key, offsetKey(start)) < 0
    const isBehind = end !== null && Buffer.compare(key, offsetKey(end)) >= 0
    if (isBefore || isBehind) return
    this.failures++
    this.args.failure({
      offset: this.expected,
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

function uint32(buf: Uint8Array, at: number): number {
  return ((buf[at] << 24) | (buf[at + 1] << 16) | (buf[at + 2] << 8) | buf[at + 3]) >>> 0
}

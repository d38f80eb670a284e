import { BUID_BYTES } from './buid'
import { refill } from './env'
import { chainGroups, chainOf, firstName, groupCount, nextOf, rowsOf, runOf, secondName } from './group-chains'
import { addRow, LeafPages } from './leaf-pages'
import { MOST_ROW_BYTES, ROW_BYTES, RunOut, RunSection } from './run-out'
import { compare, copy } from './spans'

/**
 * A code says how a row differs from the row that was merged last: in which word of its index (4 bytes, padded with
 * zeros), and what it has there. The later the word, and then the smaller, the sooner the row comes. So the tree
 * compares codes, and reads the index only of rows with equal codes, after the words that they share. Databases call
 * this offset-value coding.
 */
const WORD_SHIFT: u64 = 34
/** An index has fewer words: its length is a number of 16 bits. */
const MOST_WORDS: u64 = 2 ** 14 + 1
/** The code of a row with the same index as the last one. */
const SAME: u64 = 0
/** The code of a reader without more rows. */
const ENDED: u64 = u64.MAX_VALUE
/** After its last word, an index has that word's length in place of a word, so shorter ones come first. */
const WORD_BASE: u64 = 8

/** In place of a number of rows. */
const ALL_ROWS: u32 = u32.MAX_VALUE
/** Behind the last merged index, of which we compare whole words. */
const WORD_BYTES: u32 = 4

/** Reads the rows of a part of a run. */
@unmanaged
class Reader {
  // JavaScript reads and writes these three, at these offsets.
  /** The next row. */
  at: usize
  /** The end of what has been read. */
  end: usize
  /** How many rows may follow. */
  left: u64

  /** The index of the current row; the buid follows. */
  key: usize
  keyBytes: u32
  /** The index must be below this one; 0 means any. */
  lt: usize
  ltBytes: u32
  /** The code of the current row. That of a loser is relative to the row that it lost to. */
  code: u64
  number: u32
  /** Its place among the readers of this group, in run order. */
  place: u32
}

/** A merge of runs, group by group. Behind the fields: readers, those of the group, losers, winners. */
@unmanaged
export class RunMerge {
  // JavaScript reads and writes these, at these offsets.
  /** The readers, and the addresses of those that have rows of the next group. */
  readers: usize
  group: usize
  rows: u64
  /** The row that `addRow()` refused: its key, and the buid behind it. */
  refused: usize
  refusedBytes: u32

  readerCount: u32
  openCount: u32
  count: u32
  /** A tournament: the reader that lost at each inner node. */
  losers: usize
  winners: usize
  winner: Reader
  /** The index of the row before. */
  last: usize
  lastBytes: u32
  /** For that index when its buffer is filled again. */
  kept: usize

  reader(number: u32): Reader {
    return changetype<Reader>(this.readers + number * offsetof<Reader>())
  }

  ofGroup(place: u32): Reader {
    return load<Reader>(this.group + place * sizeof<usize>())
  }

  /** Has each reader go to its first row of the group, and forgets those that have none. */
  open(readers: u32): bool {
    let count: u32 = 0
    this.last = 0
    for (let i: u32 = 0; i < readers; i++) {
      const reader = this.ofGroup(i)
      if (!this.next(reader)) continue
      reader.place = count
      store<Reader>(this.group + count++ * sizeof<usize>(), reader)
    }
    this.count = count
    this.openCount = count
    if (count == 0) return false
    this.start()
    return true
  }

  /** Goes to the next row of the group, that of the new winner; false after the last. */
  advance(): bool {
    const reader = this.winner
    const key = reader.key
    const keyBytes = reader.keyBytes
    this.last = key
    this.lastBytes = keyBytes
    const isOpen = this.next(reader)
    if (this.openCount == 1) return isOpen
    if (!isOpen) {
      this.openCount--
      this.play(ENDED)
      return true
    }
    const code = codeAfter(this.last, keyBytes, reader, 0)
    // If the next row of this run has the same index, it wins again: long series of duplicates need no comparison.
    if (code != SAME) this.play(code)
    return true
  }

  /** Skips rows of a reader with an index below `gte`. */
  skip(reader: Reader, gte: usize, gteBytes: u32): void {
    while (this.next(reader)) {
      if (compare(reader.key, reader.keyBytes, gte, gteBytes) < 0) continue
      reader.at = reader.key - 2
      reader.left++
      return
    }
  }

  /** Goes to the reader's next row; false at its limit. */
  private next(reader: Reader): bool {
    if (reader.left == 0) return false
    let at = reader.at
    if (at + ROW_BYTES > reader.end || at + ROW_BYTES + load<u16>(at) > reader.end) {
      if (!this.fill(reader)) return false
      at = reader.at
    }
    const keyBytes: u32 = load<u16>(at)
    reader.key = at + 2
    reader.keyBytes = keyBytes
    reader.at = at + ROW_BYTES + keyBytes
    reader.left--
    if (reader.lt == 0 || compare(at + 2, keyBytes, reader.lt, reader.ltBytes) < 0) return true
    reader.left = 0
    return false
  }

  private fill(reader: Reader): bool {
    if (this.last != 0) {
      copy(this.kept, this.last, this.lastBytes + WORD_BYTES)
      this.last = this.kept
    }
    if (refill(changetype<usize>(this), reader.number) != 0) return true
    reader.left = 0
    return false
  }

  private start(): void {
    const count = this.count
    const winners = this.winners
    // Nodes 1 to count-1 are inner nodes, count to 2*count-1 are the readers.
    for (let i: u32 = 0; i < count; i++) {
      const reader = this.ofGroup(i)
      reader.code = codeAt(reader.key, reader.keyBytes, 0)
      store<Reader>(winners + (count + i) * sizeof<usize>(), reader)
    }
    for (let node = count - 1; node >= 1; node--) {
      const a = load<Reader>(winners + 2 * node * sizeof<usize>())
      const b = load<Reader>(winners + (2 * node + 1) * sizeof<usize>())
      const isFirst = isBefore(a, b)
      store<Reader>(winners + node * sizeof<usize>(), isFirst ? a : b)
      store<Reader>(this.losers + node * sizeof<usize>(), isFirst ? b : a)
    }
    this.winner = load<Reader>(winners + sizeof<usize>())
  }

  /** The winner has another row, with this code. */
  private play(code: u64): void {
    const losers = this.losers
    let best = this.winner
    best.code = code
    for (let node = (best.place + this.count) >> 1; node >= 1; node >>= 1) {
      const at = losers + node * sizeof<usize>()
      const other = load<Reader>(at)
      const ofBest = best.code
      const ofOther = other.code
      // No branch: who wins cannot be guessed.
      const isFirst = ofOther == ofBest ? isBeforeAlike(other, best, ofBest) : ofOther < ofBest
      store<Reader>(at, select<Reader>(best, other, isFirst))
      best = select<Reader>(other, best, isFirst)
    }
    this.winner = best
  }
}

/** Makes a merge of as many readers. Give each its limits before it reads. */
export function newMerge(readers: u32): RunMerge {
  const fields = (offsetof<RunMerge>() + 7) & ~7
  const places = readers * sizeof<usize>()
  const merge = changetype<RunMerge>(heap.alloc(fields + readers * offsetof<Reader>() + 4 * places))
  merge.readers = changetype<usize>(merge) + fields
  merge.group = merge.readers + readers * offsetof<Reader>()
  merge.losers = merge.group + places
  merge.winners = merge.losers + places
  merge.readerCount = readers
  merge.rows = 0
  merge.last = 0
  merge.kept = heap.alloc(MOST_ROW_BYTES)
  for (let i: u32 = 0; i < readers; i++) {
    const reader = merge.reader(i)
    reader.at = 0
    reader.end = 0
    reader.left = 0
    reader.lt = 0
    reader.number = i
  }
  return merge
}

/** Limits all readers to rows with an index of at least `gte` and below `lt`; address 0 means any. */
export function takeRange(merge: RunMerge, gte: usize, gteBytes: u32, lt: usize, ltBytes: u32): void {
  for (let i: u32 = 0; i < merge.readerCount; i++) {
    const reader = merge.reader(i)
    reader.left = u64.MAX_VALUE
    reader.lt = lt
    reader.ltBytes = ltBytes
    if (gte != 0) merge.skip(reader, gte, gteBytes)
  }
}

/**
 * Merges the group's rows of its readers by index bytes and adds them to pages, with a prefix to their index. Rows with
 * equal index come in run order, which is buid order, because run n has lower buids than run n+1: no need to compare
 * buids.
 *
 * @param prefix at most 16 bytes
 * @returns what `addRow()` does
 */
export function mergeToPages(merge: RunMerge, readers: u32, pages: LeafPages, prefix: usize, prefixBytes: u32): i32 {
  if (!merge.open(readers)) return 0
  do {
    const reader = merge.winner
    const keyBytes = reader.keyBytes
    // The prefix takes the place of the row's length and of the end of the row before, whose turn is over.
    const key = reader.key - prefixBytes
    copy(key, prefix, prefixBytes)
    const fault = addRow(pages, key, prefixBytes + keyBytes, reader.key + keyBytes, BUID_BYTES)
    if (fault != 0) {
      merge.refused = key
      merge.refusedBytes = prefixBytes + keyBytes
      return fault
    }
    merge.rows++
  } while (merge.advance())
  return 0
}

/**
 * The same for another run: merges all groups of a section, which ends then.
 *
 * @param list the groups of all runs, see `chainGroups()`; a number of rows may be `ALL_ROWS` for those of a range
 * @param ends by run, where its groups end in the list
 * @param blockBytes how far apart entry points are
 * @returns the number of a run whose groups are in another order, or -1
 */
export function mergeToRun(
  merge: RunMerge,
  list: usize,
  ends: usize,
  out: RunOut,
  section: RunSection,
  blockBytes: u32,
): i32 {
  const fault = chainGroups(list, ends, merge.readerCount)
  if (fault >= 0) return fault
  section.beginRun(out.position)
  for (let group: u32 = 0; group < groupCount(); group++) {
    section.beginGroup(firstName(group), secondName(group))
    let readers: u32 = 0
    for (let part = chainOf(group); part != 0; part = nextOf(part)) {
      const reader = merge.reader(runOf(part))
      const rows = rowsOf(part)
      if (rows != ALL_ROWS) reader.left = rows
      store<Reader>(merge.group + readers++ * sizeof<usize>(), reader)
    }
    const rows = mergeGroup(merge, readers, out, section, blockBytes)
    section.endGroup(out.position, rows)
    section.dropLone()
  }
  section.endRun()
  return -1
}

/** Returns how many rows there were. */
function mergeGroup(merge: RunMerge, readers: u32, out: RunOut, section: RunSection, blockBytes: u32): u32 {
  if (!merge.open(readers)) return 0
  let rows: u32 = 0
  let block = blockBytes
  do {
    const reader = merge.winner
    const bytes = ROW_BYTES + reader.keyBytes
    if (block >= blockBytes) {
      section.enter(out.position, reader.key, reader.keyBytes)
      block = 0
    }
    block += bytes
    out.put(reader.key - 2, bytes)
    rows++
  } while (merge.advance())
  return rows
}

export function freeMerge(merge: RunMerge): void {
  heap.free(merge.kept)
  heap.free(changetype<usize>(merge))
}

function isBefore(a: Reader, b: Reader): bool {
  const code = a.code
  // The loser's code stays as it is: where it differs from the last row, it differs from the winner.
  return code == b.code ? isBeforeAlike(a, b, code) : code < b.code
}

/** The same for two rows with equal codes; gives the loser its new one. */
function isBeforeAlike(a: Reader, b: Reader, code: u64): bool {
  const isFirst = a.place < b.place
  if (code == ENDED || code == SAME) return isFirst
  const codeOfB = codeAfter(a.key, a.keyBytes, b, wordOf(code))
  if (codeOfB == SAME) {
    if (isFirst) b.code = SAME
    else a.code = SAME
    return isFirst
  }
  const codeOfA = codeAt(a.key, a.keyBytes, wordOf(codeOfB))
  if (codeOfA < codeOfB) b.code = codeOfB
  else a.code = codeOfA
  return codeOfA < codeOfB
}

function wordOf(code: u64): u32 {
  return <u32>(MOST_WORDS - (code >> WORD_SHIFT))
}

/** The code of a reader's row after a row with this index, with which it shares the first words. */
function codeAfter(key: usize, keyBytes: u32, reader: Reader, words: u32): u64 {
  const own = reader.key
  const ownBytes = reader.keyBytes
  const shared = min(keyBytes, ownBytes)
  let i: u32 = words * 4
  while (i + 4 <= shared && load<u32>(key + i) == load<u32>(own + i)) i += 4
  for (let word: u32 = i >> 2; ; word++) {
    const code = codeAt(own, ownBytes, word)
    if (code != codeAt(key, keyBytes, word)) return code
    if (word * 4 >= ownBytes) return SAME
  }
  // Not reached, but the compiler does not see that.
  return SAME
}

/** The code of an index after a row from which it differs in this word. */
function codeAt(key: usize, keyBytes: u32, word: u32): u64 {
  const left = <i32>keyBytes - <i32>(word * 4)
  const base = (MOST_WORDS - word) << WORD_SHIFT
  if (left <= 0) return base + (left + 4)
  // Four bytes are always there, because the buid follows.
  const bytes = bswap<u32>(load<u32>(key + word * 4))
  return base + WORD_BASE + (left >= 4 ? bytes : bytes & (~(<u32>0) << (32 - 8 * left)))
}

import { BUID_BYTES } from '../bytes/buid.js'
import { RunReader, roomFor } from './run-blocks.js'

const READ_BYTES = 1 << 20
const kept = Buffer.allocUnsafeSlow(1 << 16)
/** A row starts with a buid, the rank of a name and the length of the value, which comes next. */
const [RANK_AT, LENGTH_AT, VALUE_AT] = [BUID_BYTES, BUID_BYTES + 4, BUID_BYTES + 8]

/** Where a run has its node data. */
export interface NodedataPlace {
  readonly path: string
  readonly start: number
  readonly end: number
}

/** Receives the value `buf[start, end)` and the rank of its name; the node's buid is the 32 bytes at `buid`. */
type SeeNodedata<P> = (place: P, buf: Buffer, buid: number, rank: number, start: number, end: number) => void

/** Reads the node data of runs. */
export function eachNodedata<P extends NodedataPlace>(places: readonly P[], see: SeeNodedata<P>): void {
  const reader = new NodedataReader()
  try {
    for (const place of places) reader.each(place, see)
  } finally {
    reader.close()
  }
}

class NodedataReader {
  /** Runs are many, but files few. */
  private run: RunReader | null = null
  private buf: Buffer = kept

  each<P extends NodedataPlace>(place: P, see: SeeNodedata<P>): void {
    const run = this.open(place.path)
    let position = place.start
    while (position < place.end) {
      let length = Math.min(READ_BYTES, place.end - position)
      let at = this.read(run, position, length)
      const first = VALUE_AT + this.buf.readUInt32LE(at + LENGTH_AT)
      if (first > length) {
        length = first
        at = this.read(run, position, length)
      }
      position += eachRow(place, this.buf, at, at + length, see)
    }
  }

  close(): void {
    this.run?.close()
    this.run = null
  }

  private open(path: string): RunReader {
    if (this.run?.path !== path) {
      this.close()
      this.run = new RunReader(path).open()
    }
    return this.run as RunReader
  }

  private read(run: RunReader, position: number, length: number): number {
    if (this.buf.length < roomFor(length)) this.buf = Buffer.allocUnsafeSlow(roomFor(length))
    return run.read(position, length, this.buf)
  }
}

/** Returns how many bytes the whole rows of `buf[start, end)` have. */
function eachRow<P>(place: P, buf: Buffer, start: number, end: number, see: SeeNodedata<P>): number {
  let at = start
  while (at + VALUE_AT <= end) {
    const value = at + VALUE_AT
    const valueEnd = value + buf.readUInt32LE(at + LENGTH_AT)
    if (valueEnd > end) break
    see(place, buf, at, buf.readUInt32LE(at + RANK_AT), value, valueEnd)
    at = valueEnd
  }
  return at - start
}

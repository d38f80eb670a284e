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
type SeeNodedata = (buf: Buffer, buid: number, rank: number, start: number, end: number) => void

/** Reads the node data of a run. */
export function eachNodedata(place: NodedataPlace, see: SeeNodedata): void {
  const run = new RunReader(place.path).open()
  // Small runs are many, and each has a few values.
  const isSmall = roomFor(place.end - place.start) <= kept.length
  let buf: Buffer = isSmall ? kept : Buffer.allocUnsafeSlow(roomFor(Math.min(READ_BYTES, place.end - place.start)))
  try {
    let position = place.start
    while (position < place.end) {
      let length = Math.min(READ_BYTES, place.end - position)
      let at = run.read(position, length, buf)
      const first = VALUE_AT + buf.readUInt32LE(at + LENGTH_AT)
      if (first > length) {
        length = first
        if (buf.length < roomFor(length)) buf = Buffer.allocUnsafeSlow(roomFor(length))
        at = run.read(position, length, buf)
      }
      const bufEnd = at + length
      position -= at
      while (at + VALUE_AT <= bufEnd) {
        const start = at + VALUE_AT
        const end = start + buf.readUInt32LE(at + LENGTH_AT)
        if (end > bufEnd) break
        see(buf, at, buf.readUInt32LE(at + RANK_AT), start, end)
        at = end
      }
      position += at
    }
  } finally {
    run.close()
  }
}

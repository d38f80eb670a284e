import { RunReader, roomFor } from './run-blocks.js'

const READ_BYTES = 1 << 20

/** Where a run keeps its node data. */
export interface NodedataPlace {
  readonly path: string
  readonly start: number
  readonly end: number
}

/**
 * Reads the node data of a run.
 *
 * @param see is called for each value, `buf[at, end)`: buid (32 bytes), rank of the name (u32), length (u32), the value
 */
export function eachNodedata(place: NodedataPlace, see: (buf: Buffer, at: number, end: number) => void): void {
  const run = new RunReader(place.path).open()
  let buf = Buffer.allocUnsafeSlow(roomFor(Math.min(READ_BYTES, place.end - place.start)))
  try {
    let position = place.start
    while (position < place.end) {
      let length = Math.min(READ_BYTES, place.end - position)
      let at = run.read(position, length, buf)
      const first = 40 + buf.readUInt32LE(at + 36)
      if (first > length) {
        length = first
        if (buf.length < roomFor(length)) buf = Buffer.allocUnsafeSlow(roomFor(length))
        at = run.read(position, length, buf)
      }
      const bufEnd = at + length
      position -= at
      while (at + 40 <= bufEnd) {
        const end = at + 40 + buf.readUInt32LE(at + 36)
        if (end > bufEnd) break
        see(buf, at, end)
        at = end
      }
      position += at
    }
  } finally {
    run.close()
  }
}

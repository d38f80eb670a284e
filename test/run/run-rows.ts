import { Packr } from 'msgpackr'
import { kernel } from '../../src/kernel/kernel.js'
import type { RunSection } from '../../src/run/section-notes.js'
import { SectionNotes } from '../../src/run/section-notes.js'

const packr = new Packr({ structuredClone: true })
// Nobody frees them.
const out = kernel().calls.newRunOut(1000)
const notes = new SectionNotes()

export interface WrittenRow {
  readonly index: Buffer
  /** The number that `buidsOf()` makes a buid of. */
  readonly owner: number
}

/** The rows that the kernel writes to a run, in pieces that are shorter than some rows, and what it notes of them. */
export function rowsWritten(write: (out: number, section: number) => void): {
  rows: WrittenRow[]
  section: RunSection
} {
  const { runs } = kernel()
  const pieces: Buffer[] = []
  const take = () => {
    const { view, mem } = kernel()
    const [at, used] = [view.getUint32(out, true), view.getUint32(out + 4, true)]
    pieces.push(Buffer.from(mem.subarray(at, at + used)))
    view.setUint32(out + 4, 0, true)
    view.setFloat64(out + 8, view.getFloat64(out + 8, true) + used, true)
  }
  notes.clear()
  kernel().view.setFloat64(out + 8, 0, true)
  runs.set(out, { flush: take })
  write(out, notes.at)
  take()
  runs.delete(out)
  const buf = Buffer.concat(pieces)
  const rows: WrittenRow[] = []
  for (let at = 0; at < buf.length; ) {
    const end = at + 2 + buf.readUInt16LE(at)
    rows.push({ index: buf.subarray(at + 2, end), owner: buf.readUInt32BE(end) })
    at = end + 32
  }
  return { rows, section: packr.unpack(packr.pack(notes.section(null))) }
}

import { statSync } from 'node:fs'
import { Packr } from 'msgpackr/pack'
import { assert } from '../errors.js'
import { runFooter } from '../layout/records.js'
import { CONTENT_BYTES, damagedRun, RUN_BLOCK_BYTES, RUN_MAGIC, RunReader, roomFor } from './run-blocks.js'
import { type RunFooter, TRAILER_BYTES } from './run-file.js'
import type { RunSection } from './section-notes.js'

/** What it unpacks are copies, as the next footer takes the same buffer. */
const packr = new Packr({ structuredClone: true, copyBuffers: true })
/** For footers that are no longer: small runs are many. */
const kept = Buffer.allocUnsafeSlow(1 << 20)

/**
 * Reads the footer of a complete file of runs; null when there is no such file.
 *
 * @throws {MigrationError} ERR_DEST when it has changed since we wrote it
 */
export function readRunFooter(path: string): RunFooter | null {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return null
  const contentBytes = (stats.size / RUN_BLOCK_BYTES) * CONTENT_BYTES
  if (stats.size === 0 || stats.size % RUN_BLOCK_BYTES !== 0) throw damagedRun(path, 'its end is missing')
  const run = new RunReader(path).open()
  try {
    const trailer = contentOf(run, contentBytes - TRAILER_BYTES, TRAILER_BYTES)
    if (Buffer.compare(trailer.subarray(16), RUN_MAGIC) !== 0) throw run.damaged('its end is missing')
    const start = Number(trailer.readBigUInt64LE(0))
    const length = Number(trailer.readBigUInt64LE(8))
    const { data, error } = runFooter.safeParse(packr.unpack(contentOf(run, start, length)))
    if (error !== undefined)
      throw run.damaged(`its footer is none: ${error.issues[0].path.join('.')} ${error.issues[0].message}`)
    const footer = data as unknown as RunFooter
    const sections = Object.values(footer.sections)
    assert(sections.every(goesOn), () => `run "${path}" is in another order`)
    return footer
  } finally {
    run.close()
  }
}

/** Whether no group ends before it starts. */
function goesOn({ starts, runEnds, ends }: RunSection): boolean {
  for (let run = 0, at = 0; run < runEnds.length; run++) {
    for (let start = starts[run]; at < runEnds[run]; start = ends[at++]) if (ends[at] < start) return false
  }
  return true
}

/** Reads content of a run. Valid until the next call. */
function contentOf(run: RunReader, position: number, length: number): Buffer {
  const room = roomFor(length)
  const buf = room <= kept.length ? kept : Buffer.allocUnsafeSlow(room)
  const start = run.read(position, length, buf)
  return buf.subarray(start, start + length)
}

import { MigrationError } from '../errors.js'

/** What must be the same for a run to be resumed: source, options, version of what lies on disk. */
export type Fingerprint = Readonly<Record<string, unknown>>

/** @throws {MigrationError} ERR_CHECKPOINT_MISMATCH that names everything that differs */
export function checkpointDiffers(layer: string, found: Fingerprint, wanted: Fingerprint): void {
  const names = Object.keys({ ...found, ...wanted })
  const differing = names.filter((name) => found[name] !== wanted[name])
  if (differing.length === 0) return
  const list = differing.map((name) => `${name} (${brief(found[name])}, now ${brief(wanted[name])})`)
  throw new MigrationError(
    'ERR_CHECKPOINT_MISMATCH',
    `Cannot resume layer "${layer}": it was begun with another ${list.join(', another ')}`,
    { hint: 'Use the source and the options of the first run, or start afresh without --from-last' },
  )
}

function brief(value: unknown): string {
  const text = String(value)
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}

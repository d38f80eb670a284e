import type { Blocker } from './api.js'
import { destViews, sourceLayers, sourceViews } from './cortex-views.js'
import type { DestPeer, SourcePeer } from './peers.js'
import { OddAnswer, sortFailure } from './remote-failure.js'

/** Layers and views of the source that this sync does not keep up to date. */
export interface Unsynced {
  readonly blockers: readonly Blocker[]
  /** Why we cannot tell, one sentence. */
  readonly trouble: string | null
}

export const NOTHING_UNSYNCED: Unsynced = { blockers: [], trouble: null }

/**
 * Looks for layers and views of the source that were created after the backup, except those left out on purpose.
 *
 * @returns null when a Cortex is away
 */
export async function findUnsynced(
  source: SourcePeer,
  dest: DestPeer,
  synced: readonly string[],
  skipped: readonly string[],
): Promise<Unsynced | null> {
  try {
    const cortex = await source.open()
    const [layers, views, there] = [
      await sourceLayers(cortex),
      await sourceViews(cortex),
      await destViews(await dest.open()),
    ]
    const blockers: string[] = []
    for (const iden of layers) {
      if (synced.includes(iden) || skipped.includes(iden)) continue
      blockers.push(
        `Layer ${iden} of the source is not synced: it was made after the backup, or is not in the offsets file: migrate again, or leave it out with --skip-layer ${iden}`,
      )
    }
    for (const [iden, used] of views) {
      if (there.has(iden) || used.some((layer) => skipped.includes(layer))) continue
      blockers.push(
        `View ${iden} of the source is not at the destination: it was made after the backup: migrate again, or leave its layer out with --skip-layer ${used[0]}`,
      )
    }
    return { blockers: blockers.map((text) => ({ text, passes: false })), trouble: null }
  } catch (error) {
    if (sortFailure(error) === 'link') return null
    const trouble = `Cannot tell whether layers or views were made at the source after the backup: ${(error as Error).message}`
    return { blockers: error instanceof OddAnswer ? [{ text: trouble, passes: false }] : [], trouble }
  }
}

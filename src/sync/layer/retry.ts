import type { RemoteLayer, SyncError } from '../api.js'
import { Stopped } from '../clock.js'
import type { EditPusher } from './edit-pusher.js'
import type { Frontier } from './frontier.js'
import { withLayer } from './keep-open.js'
import type { LayerLedger } from './layer-ledger.js'
import type { LayerParts } from './layer-parts.js'
import { COMMIT_MS } from './marks.js'
import { ndefOf } from './splice-facts.js'

export interface RetryResult {
  readonly applied: number
  readonly failed: number
}

export interface RetryParts {
  readonly layer: LayerParts
  readonly frontier: Frontier
  readonly ledger: LayerLedger
  readonly pusher: EditPusher
  /** Stops it between two splices, or at once. */
  readonly soft: AbortSignal
  readonly hard: AbortSignal
}

/**
 * Applies the recorded splices before the push offset again, and with them, in order, all later splices of their nodes
 * up to there, so that no old value replaces a newer one.
 */
export async function retryRecorded(parts: RetryParts, dest: RemoteLayer): Promise<RetryResult> {
  const { ledger, frontier } = parts
  const { store, dest: destPeer, clock, iden } = parts.layer
  const records = [...store.errors(iden)].filter(
    ({ offset, endOffset }) => offset < frontier.pushed || endOffset === offset,
  )
  if (records.length === 0) return { applied: 0, failed: 0 }
  await destPeer.reloadModel()
  // The destination has older values of these nodes until the end: a sync that ends before starts again from here.
  const { settled } = frontier
  frontier.settled = Math.min(settled, records[0].offset)
  ledger.write(store.advance(iden, frontier.pushed, [], frontier.settled))
  await ledger.written()
  const ndefs = new Set(records.flatMap(({ splices }) => splices.map((splice) => ndefOf(splice))))
  ndefs.delete(null)
  const own = await applyOwn(parts, dest, records)
  const done = await applyAgain(parts, dest, records[0].offset, ndefs)
  // Remove a record only when its splices are committed, not just acknowledged.
  await clock.sleep(COMMIT_MS, parts.hard)
  await dest.editIndex()
  frontier.settled = settled
  ledger.write(store.advance(iden, frontier.pushed, [], settled))
  let applied = 0
  for (const { offset, endOffset } of records) {
    let isDone = endOffset > offset || own.has(offset)
    for (let at = offset; at < endOffset; at++) isDone &&= done.has(at)
    if (!isDone) continue
    applied++
    ledger.remove(offset)
  }
  await ledger.written()
  return { applied, failed: records.length - applied }
}

/**
 * The reference service files a record under the offset after its splices, so we can only use what the record itself
 * holds.
 */
async function applyOwn(
  { pusher }: RetryParts,
  dest: RemoteLayer,
  records: readonly SyncError[],
): Promise<Set<number>> {
  const done = new Set<number>()
  for (const { offset, endOffset, splices } of records) {
    if (endOffset > offset || splices.length === 0) continue
    let failures = 0
    for (const splice of splices) failures += (await pusher.pushSplice(dest, { offset, splice })).length
    if (failures === 0) done.add(offset)
  }
  return done
}

/** Pushes the splices of these nodes from an offset on, one by one. Returns the offsets of those that were stored. */
async function applyAgain(
  { layer, frontier, ledger, pusher, soft, hard }: RetryParts,
  dest: RemoteLayer,
  from: number,
  ndefs: ReadonlySet<string | null>,
): Promise<Set<number>> {
  const { store, source, iden } = layer
  const done = new Set<number>()
  if (from >= frontier.pushed) return done
  await withLayer(
    hard,
    () => source.openLayer(iden),
    async (remote) => {
      let offset = from
      for await (const splice of remote.splices(offset, frontier.pushed - offset)) {
        if (soft.aborted) throw new Stopped()
        if (ndefs.has(ndefOf(splice))) {
          const errors = await pusher.pushSplice(dest, { offset, splice })
          if (errors.length === 0) done.add(offset)
          else if (ledger.isOpen(offset)) ledger.write(store.advance(iden, frontier.pushed, errors, frontier.settled))
        }
        offset++
      }
    },
  )
  return done
}

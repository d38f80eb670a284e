import type { OffsetStore, SyncConfig, SyncLog } from '../api.js'
import type { Clock } from '../clock.js'
import type { DestPeer, SourcePeer } from '../peers.js'
import type { ByteBudget } from './byte-budget.js'

/** What the sync of one layer needs. */
export interface LayerParts {
  readonly iden: string
  readonly config: SyncConfig
  readonly store: OffsetStore
  readonly source: SourcePeer
  readonly dest: DestPeer
  readonly budget: ByteBudget
  readonly clock: Clock
  readonly random: () => number
  readonly log: SyncLog
}

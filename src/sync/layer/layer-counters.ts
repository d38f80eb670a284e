import { Rate } from './rate.js'

/** What a layer counts from one start of the service to its end, over all starts of the sync. */
export class LayerCounters {
  /** Splices acknowledged, those that were pushed again included. */
  pushed = 0
  readonly rate = new Rate()
  /** When the source was last read from, and the destination last connected; epoch ms. */
  readAt: number | null = null
  connectedAt: number | null = null
}

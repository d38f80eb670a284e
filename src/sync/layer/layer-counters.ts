import { Rate } from './rate.js'

/** Counters of a layer over the life of the service, across starts of the sync. */
export class LayerCounters {
  /** Acknowledged splices, including those pushed again. */
  pushed = 0
  readonly rate = new Rate()
  /** When we last read from the source, and last connected to the destination; epoch ms. */
  readAt: number | null = null
  connectedAt: number | null = null
}

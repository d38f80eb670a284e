import { MigrationError } from '../../errors.js'
import type { RemoteLayer } from '../api.js'
import { Backoff, END, Stopped, untilStopped } from '../clock.js'
import { FIRST_PAUSE_MS, LONGEST_PAUSE_MS, REFUSED_PAUSE_MS } from '../peers.js'
import { sortFailure } from '../remote-failure.js'
import type { LayerParts } from './layer-parts.js'

/** Stops the work with a layer for good, whatever the connection does. */
export class LayerFailure extends MigrationError {}

export interface KeptOpen {
  readonly open: () => Promise<RemoteLayer>
  /** `link` is aborted when the connection ends. Call `worked` once the connection has proved useful. */
  readonly work: (layer: RemoteLayer, link: AbortSignal, worked: () => void) => Promise<void>
  /** Receives the reason why the connection was lost or could not be made. */
  readonly failed: (message: string, refused: boolean) => void
}

/**
 * Keeps a layer of a Cortex open and works with it until the signal is aborted. Reconnects after any failure that is
 * not about the data.
 *
 * @throws {LayerFailure} from `work`; Stopped
 */
export async function keepOpen(
  { clock, random }: LayerParts,
  signal: AbortSignal,
  { open, work, failed }: KeptOpen,
): Promise<never> {
  const links = new Backoff(random, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
  const refusals = new Backoff(random, REFUSED_PAUSE_MS, LONGEST_PAUSE_MS)
  const worked = () => {
    links.reset()
    refusals.reset()
  }
  for (;;) {
    try {
      await withLayer(signal, open, (layer, link) => work(layer, link, worked))
    } catch (error) {
      if (signal.aborted || error instanceof Stopped) throw new Stopped()
      if (error instanceof LayerFailure) throw error
      const refused = sortFailure(error) === 'refused'
      failed((error as Error).message, refused)
      await clock.sleep((refused ? refusals : links).nextMs(), signal)
      if (signal.aborted) throw new Stopped()
    }
  }
}

/** Opens a layer, works with it and closes it; `link` is aborted when the connection ends. */
export async function withLayer(
  signal: AbortSignal,
  open: () => Promise<RemoteLayer>,
  work: (layer: RemoteLayer, link: AbortSignal) => Promise<void>,
): Promise<void> {
  const opening = open()
  let layer: RemoteLayer
  try {
    layer = await untilStopped(opening, signal)
  } catch (error) {
    if (error instanceof Stopped) opening.then((late) => late.close()).catch(() => {})
    throw error
  }
  const link = new AbortController()
  layer.closed.then(() => link.abort(END))
  // Everything that waits for the peer then fails at once.
  const close = () => {
    link.abort(END)
    layer.close().catch(() => {})
  }
  signal.addEventListener('abort', close)
  try {
    await work(layer, link.signal)
  } finally {
    signal.removeEventListener('abort', close)
    close()
  }
}

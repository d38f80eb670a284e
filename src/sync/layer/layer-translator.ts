import type { SpliceFailure } from '../../translate/splice-sink.js'
import { Backoff, END, Stopped, untilStopped } from '../clock.js'
import { FIRST_PAUSE_MS, LONGEST_PAUSE_MS } from '../peers.js'
import { sortFailure } from '../remote-failure.js'
import type { LayerParts } from './layer-parts.js'
import type { LayerPipe } from './layer-pipe.js'

/**
 * How long an open group waits for its next splice when the source has no more: splices of one transaction come
 * together.
 */
const LINGER_MS = 5
/** How many splices to translate before letting the network run. */
const TURN_SPLICES = 256
/** How long until we look again for something that is in neither model. */
const RECHECK_MS = 60_000
/** How often the source may fail to give its model before a splice that needs it becomes an error. */
const MODEL_ATTEMPTS = 8

/** Translates splices that are no longer held back. Asks for a newer model before it gives up on a splice. */
export class LayerTranslator {
  private readonly parts: LayerParts
  private readonly pipe: LayerPipe
  private readonly signal: AbortSignal
  private modelVersion = -1
  /** When each missing name was last found in no model. */
  private readonly missedAt = new Map<string, number>()
  private missed = ''

  constructor(parts: LayerParts, pipe: LayerPipe, signal: AbortSignal) {
    this.parts = parts
    this.pipe = pipe
    this.signal = signal
  }

  async run(): Promise<never> {
    const { dest, clock } = this.parts
    const pipe = this.pipe
    const { frontier } = pipe
    const signal = this.signal
    // Stortypes are not known before.
    await dest.ready(signal)
    for (let turn = 1; ; turn++) {
      if (signal.aborted) throw new Stopped()
      if (turn % TURN_SPLICES === 0) await clock.yield()
      if (this.modelVersion !== dest.modelVersion) {
        this.modelVersion = dest.modelVersion
        pipe.translation.modelChanged()
      }
      const splice = frontier.translated < frontier.held ? pipe.queue.peek() : undefined
      if (pipe.isFull) await untilStopped(pipe.acknowledged.wait(), signal)
      else if (splice === undefined) await this.waitForSplices()
      else if (pipe.translation.add(splice, (failure) => this.isFinal(failure))) {
        frontier.translated = pipe.translation.nextOffset
        pipe.queue.shift()
      } else await this.freshenModel(splice.length)
    }
  }

  private async waitForSplices(): Promise<void> {
    const pipe = this.pipe
    const arrival = untilStopped(pipe.arrived.wait(), this.signal)
    if (!pipe.translation.isOpen) return arrival
    const linger = new AbortController()
    await Promise.race([arrival.finally(() => linger.abort(END)), this.parts.clock.sleep(LINGER_MS, linger.signal)])
    if (pipe.frontier.translated >= pipe.frontier.held) pipe.translation.flush()
  }

  /** A missing name is an error only when a newer model lacks it too. */
  private isFinal(failure: SpliceFailure): boolean {
    const isUnknown = failure.code === 'FORM' || failure.code === 'STORTYPE'
    if (!isUnknown || failure.oldModel) return true
    this.missed = `${failure.code} ${failure.subject}`
    const missedAt = this.missedAt.get(this.missed)
    return missedAt !== undefined && this.parts.clock.elapsed() - missedAt < RECHECK_MS
  }

  private async freshenModel(spliceBytes: number): Promise<void> {
    const signal = this.signal
    const { dest, clock, random, log, iden } = this.parts
    const missed = this.missed
    const pauses = new Backoff(random, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
    log.debug(`Layer ${iden}: ${missed} is not in the model (splice of ${spliceBytes} bytes)`)
    for (;;) {
      try {
        await dest.ready(signal)
        if (await untilStopped(dest.freshenModel(), signal)) break
      } catch (error) {
        if (error instanceof Stopped) throw error
        sortFailure(error)
        if (pauses.failures >= MODEL_ATTEMPTS) break
      }
      await clock.sleep(pauses.nextMs(), signal)
      if (signal.aborted) throw new Stopped()
    }
    this.missedAt.set(missed, clock.elapsed())
  }
}

import type { SpliceFailure } from '../../translate/splice-sink.js'
import { Backoff, END, Stopped, untilStopped } from '../clock.js'
import { FIRST_PAUSE_MS, LONGEST_PAUSE_MS } from '../peers.js'
import { sortFailure } from '../remote-failure.js'
import type { LayerParts } from './layer-parts.js'
import type { LayerPipe } from './layer-pipe.js'

/** How long an open group waits for its next splice when the source has no more: one transaction's splices come together. */
const LINGER_MS = 5
/** Splices translated between two looks at the network. */
const TURN_SPLICES = 256
/** What is in neither model is looked for again when this much time has passed. */
const RECHECK_MS = 60_000
/** How often the source may fail to give its model before a splice that needs it becomes an error. */
const MODEL_ATTEMPTS = 8

/** Translates what was read and is held back no more; asks for a newer model before it gives a splice up. */
export class LayerTranslator {
  private readonly parts: LayerParts
  private readonly pipe: LayerPipe
  private readonly signal: AbortSignal
  private modelVersion = -1
  /** What was in no model, and when. */
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
    // No stortypes are known before.
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

  /** What the model does not know is an error only when a newer model does not know it either. */
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

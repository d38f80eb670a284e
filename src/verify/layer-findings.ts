import { damageOf } from './damage.js'
import { type LayerState, newState } from './layer-state.js'
import type { Difference } from './report.js'
import type { VerifyProgress } from './verify-progress.js'

/** What the comparison of one layer has found, and how far it has come. */
export class LayerFindings {
  readonly state: LayerState
  private readonly iden: string
  private readonly destDir: string
  private readonly progress: VerifyProgress

  constructor(iden: string, destDir: string, progress: VerifyProgress) {
    this.state = progress.layer(iden, newState)
    this.iden = iden
    this.destDir = destDir
    this.progress = progress
  }

  save(done = false): void {
    this.progress.save(this.iden, this.state, done)
  }

  /** Reports a slab of the destination that cannot be read as a difference. For one of the source it throws. */
  async readable<T>(read: () => Promise<T>): Promise<T | null> {
    try {
      return await read()
    } catch (error) {
      const damage = damageOf(error, this.destDir)
      if (damage === null) throw error
      this.state.isCountExact = false
      // Several parts may run into the same page.
      if (!this.state.differences.some(({ place, row }) => place === 'slab' && row === damage))
        this.differs({ kind: 'different', place: 'slab', buid: null, row: damage, expected: null, found: null })
      return null
    }
  }

  differs(difference: Omit<Difference, 'layer'>): void {
    this.state.differenceCount++
    this.state.differences.push({ ...difference, layer: this.iden })
  }

  /** Records what was not compared in this layer, and why. */
  leavesOut(what: string, why: string): void {
    const text = `${what} of layer ${this.iden}: ${why}`
    if (!this.state.notCompared.includes(text)) this.state.notCompared.push(text)
  }

  /** Counts differences without describing them. */
  addUntold(count: number): void {
    this.state.differenceCount += count
  }

  /** Several parts may need the same slab. */
  lacksSlab(name: string): void {
    if (this.state.differences.some(({ place, kind }) => place === name && kind === 'missing')) return
    this.differs({ kind: 'missing', place: name, buid: null, row: 'the slab', expected: null, found: null })
  }
}

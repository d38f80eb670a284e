import { printable } from '../../bytes/printable.js'
import type { SpliceFailure } from '../../translate/splice-sink.js'
import type { RemoteLayer, SyncError } from '../api.js'
import type { DictModel } from '../dict-model.js'
import { sortFailure } from '../remote-failure.js'
import { type OffsetSplice, packNodeEdits, type Translated, Translation } from './translation.js'

/** Stores node edits in a layer of the destination, and finds those that it cannot store. */
export class EditPusher {
  private readonly iden: string
  private readonly model: () => DictModel

  constructor(iden: string, model: () => DictModel) {
    this.iden = iden
    this.model = model
  }

  /** Pushes pieces with the same meta. Returns an error for each splice that failed. */
  async push(layer: RemoteLayer, items: readonly Translated[]): Promise<SyncError[]> {
    const errors = items.flatMap(({ failures }) => failures.map((failure) => this.errorOf(failure)))
    const edits = items.filter(({ nodeEdit }) => nodeEdit !== null)
    if (edits.length === 0 || (edits.length > 1 && (await this.pushTogether(layer, edits)))) return errors
    for (const item of edits) errors.push(...(await this.pushItem(layer, item)))
    return errors.sort((a, b) => a.offset - b.offset)
  }

  /** Translates and pushes a single splice. */
  async pushSplice(layer: RemoteLayer, { offset, splice }: OffsetSplice): Promise<SyncError[]> {
    const errors: SyncError[] = []
    const found: Translated[] = []
    const translation = new Translation(this.model, offset, (translated) => found.push(translated))
    translation.add(splice, () => true)
    translation.flush()
    for (const { nodeEdit, meta, failures } of found) {
      errors.push(...failures.map((failure) => this.errorOf(failure)))
      if (nodeEdit === null) continue
      const packed = packNodeEdits([nodeEdit])
      const refusal = await store(layer, packed, meta)
      if (refusal !== null) errors.push(this.refused({ offset, splice }, refusal, packed, meta))
    }
    return errors
  }

  /** Returns whether all went well. If not, some of the edits may be stored; storing them again does no harm. */
  private async pushTogether(layer: RemoteLayer, items: readonly Translated[]): Promise<boolean> {
    const packed = packNodeEdits(items.map(({ nodeEdit }) => nodeEdit as Uint8Array))
    return (await store(layer, packed, items[0].meta)) === null
  }

  /**
   * Pushes a node edit. If it is refused, pushes splice by splice, so that we lose only those that cannot be stored.
   */
  private async pushItem(layer: RemoteLayer, item: Translated): Promise<SyncError[]> {
    const packed = packNodeEdits([item.nodeEdit as Uint8Array])
    const refusal = await store(layer, packed, item.meta)
    if (refusal === null) return []
    if (item.splices.length === 1) return [this.refused(item.splices[0], refusal, packed, item.meta)]
    const errors: SyncError[] = []
    for (const splice of item.splices) errors.push(...(await this.pushSplice(layer, splice)))
    return errors
  }

  private refused(
    { offset, splice }: OffsetSplice,
    message: string,
    nodeedits: Uint8Array,
    meta: Uint8Array,
  ): SyncError {
    const text = `The destination cannot store the edit: ${message}`
    return { layer: this.iden, offset, endOffset: offset + 1, message: text, splices: [splice], nodeedits, meta }
  }

  private errorOf({ offset, message: text, splice }: SpliceFailure): SyncError {
    const message = printable(text)
    return { layer: this.iden, offset, endOffset: offset + 1, message, splices: [splice], nodeedits: null, meta: null }
  }
}

/** Null, or why the destination cannot store the edits. Throws when the edits are not the cause. */
async function store(layer: RemoteLayer, nodeedits: Uint8Array, meta: Uint8Array): Promise<string | null> {
  try {
    await layer.storNodeEditsNoLift(nodeedits, meta)
    return null
  } catch (error) {
    if (sortFailure(error) !== 'data') throw error
    return (error as Error).message
  }
}

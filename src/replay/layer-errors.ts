import { BUID_BYTES } from '../bytes/buid.js'
import { PackMap } from '../bytes/msgpack.js'
import { readErrorRecords } from '../dest/error-records.js'

/** Errors of one layer that we can try again. */
export interface LayerErrors {
  /** Buids of nodes and of node data, in hex. */
  readonly buids: Set<string>
  readonly splices: SpliceError[]
}

export interface SpliceError {
  readonly offset: number
  /** Null when the version that wrote the log did not store it. */
  readonly raw: Uint8Array | null
}

/** The errors of the migration log by layer. */
export function readLayerErrors(destDir: string): Map<string, LayerErrors> {
  const layers = new Map<string, LayerErrors>()
  for (const { layer, step, buid, offset, val } of readErrorRecords(destDir) ?? []) {
    if (layer === null) continue
    const errors = layers.get(layer) ?? noErrors()
    if (step === 'splices') {
      const raw = val instanceof PackMap ? val.get('raw') : undefined
      errors.splices.push({ offset: offset ?? 0, raw: raw instanceof Uint8Array ? raw : null })
    } else if ((step === 'nodes' || step === 'nodedata') && buid?.length === BUID_BYTES) {
      errors.buids.add(Buffer.from(buid).toString('hex'))
    } else continue
    layers.set(layer, errors)
  }
  return layers
}

export function noErrors(): LayerErrors {
  return { buids: new Set(), splices: [] }
}

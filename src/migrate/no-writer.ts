import type { LayerWriter, LayerWriterPort } from '../writer/layer-writer.js'

/** Replaces the writer where no slab is made: there is nothing to continue, nothing to finish and nothing to log. */
export class NoWriter {
  readonly port: LayerWriterPort = {
    call: async (method, args) => {
      const call = (this as unknown as LayerWriter)[method] as (args: unknown) => unknown
      return call.call(this, args) as never
    },
  }

  /** No earlier run has left anything. */
  checkpoint(): null {
    return null
  }

  notes(): [] {
    return []
  }

  installSlabs(): boolean {
    return true
  }

  abrvDbs(): void {}
  build(): void {}
  dropCheckpoint(): void {}
  finishDb(): void {}
  finishSlab(): void {}
  forget(): void {}
  putBuilt(): void {}
  putCheckpoint(): void {}
  record(): void {}
  resume(): void {}
  rowsDb(): void {}
}

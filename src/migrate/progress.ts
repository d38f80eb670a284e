/** How far long work has come. */
export interface ProgressEvent {
  readonly phase: 'nodes' | 'indexes' | 'splices' | 'verify' | 'count'
  /** The iden of the layer. */
  readonly layer: string
  /** How much is done, of how much: `0` of all when it starts. */
  readonly done: number
  readonly total: number
  /** What is counted. */
  readonly unit: 'rows' | 'nodes' | 'splices' | 'parts'
}

/** Who is told how far long work has come: a screen, or a caller of the API. */
export interface Progress {
  show(event: ProgressEvent): void
  /** @param count values that could not be migrated so far, of all layers and steps together */
  errors?(count: number): void
}

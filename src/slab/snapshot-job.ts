/** Slab directories. */
export interface SnapshotJob {
  readonly source: string
  readonly dest: string
  /**
   * Whether to register as a reader, which writes to the lock file of the source. Default: only if the slab is in use.
   */
  readonly registered?: boolean
}

export interface Snapshot extends SnapshotJob {
  /** Rows of all dbs, counting each duplicate. */
  readonly rows: number
  /** Size of the copy's data file. */
  readonly bytes: number
}

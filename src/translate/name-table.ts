/**
 * Names of one abbreviation namespace, numbered in the order in which a worker thread meets them. When a partition is
 * finished `ranks()` renumbers the names that it uses in byte order: as every partition does so, its numbers translate
 * to those of the layer monotonically, and sorted rows stay sorted.
 */
export class NameTable {
  private readonly ids = new Map<string, number>()
  private readonly names: Uint8Array[] = []

  get size(): number {
    return this.names.length
  }

  /** The number of a name, a new one if it has none yet. */
  id(name: Uint8Array): number {
    const key = Buffer.from(name.buffer, name.byteOffset, name.length).toString('latin1')
    let id = this.ids.get(key)
    if (id === undefined) {
      id = this.names.length
      this.ids.set(key, id)
      this.names.push(name)
    }
    return id
  }

  /** The name of a number. */
  name(id: number): Uint8Array {
    return this.names[id]
  }

  /**
   * Renumbers the names of a partition in byte order.
   *
   * @param isUsed by number, whether the partition has it: a table outlives partitions, and layers
   * @returns place by number (of names in use), and the names in use in byte order
   */
  ranks(isUsed: Uint8Array): { rank: Int32Array; sorted: Uint8Array[] } {
    const order: number[] = []
    for (let id = 0; id < this.names.length; id++) if (isUsed[id] === 1) order.push(id)
    order.sort((a, b) => Buffer.compare(this.names[a], this.names[b]))
    const rank = new Int32Array(this.names.length)
    order.forEach((id, place) => {
      rank[id] = place
    })
    return { rank, sorted: order.map((id) => this.names[id]) }
  }
}

/**
 * Names of one abbreviation namespace, numbered in the order in which they are met. The numbers hold within one
 * partition only: when it is finished, `ranks()` renumbers the names in byte order, and as every partition does so,
 * numbers of partitions translate to those of the layer monotonically and sorted rows stay sorted.
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

  /** Number to place in byte order, and the names in that order. */
  ranks(): { rank: Int32Array; sorted: Uint8Array[] } {
    const order = this.names.map((_, id) => id)
    order.sort((a, b) => Buffer.compare(this.names[a], this.names[b]))
    const rank = new Int32Array(order.length)
    order.forEach((id, place) => {
      rank[id] = place
    })
    return { rank, sorted: order.map((id) => this.names[id]) }
  }
}

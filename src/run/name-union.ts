import { ByteIndex } from '../bytes/byte-index.js'
import { type ByteList, ByteListBuilder, sortByBytes, startOf } from '../bytes/byte-list.js'
import type { KeyName } from '../layout/dest-dbs.js'
import type { RunFooter } from './run-file.js'

/** The names of one or more runs, in byte order. */
export type RunNames = Pick<RunFooter, 'propNames' | 'tagNames' | 'tagPropNames'>
/** Numbers given to names, by kind of name. */
export type NameNumbers = Readonly<Record<KeyName, Int32Array>>

/** Names of several runs, numbered in the order in which they come. */
export class RunNamesUnion {
  private readonly unions = { prop: new NameUnion(), tag: new NameUnion(), tagProp: new NameUnion() }

  /** The number of each name of a run. */
  add({ propNames, tagNames, tagPropNames }: RunNames): NameNumbers {
    const { prop, tag, tagProp } = this.unions
    return { prop: prop.add(propNames), tag: tag.add(tagNames), tagProp: tagProp.add(tagPropNames) }
  }

  sorted(): RunNames {
    const { prop, tag, tagProp } = this.unions
    return { propNames: prop.sorted(), tagNames: tag.sorted(), tagPropNames: tagProp.sorted() }
  }

  /** The rank of each number's name in byte order. */
  ranks(kind: KeyName): Int32Array {
    return this.unions[kind].ranks()
  }
}

/** Names of one kind. */
class NameUnion {
  private readonly index = new ByteIndex()

  /** The number of each name. */
  add(names: ByteList): Int32Array {
    const { bytes, ends } = names
    const numbers = new Int32Array(ends.length)
    for (let i = 0, start = 0; i < ends.length; start = ends[i++]) {
      const known = this.index.find(bytes, start, ends[i])
      numbers[i] = known >= 0 ? known : this.index.add(bytes, start, ends[i])
    }
    return numbers
  }

  sorted(): ByteList {
    const { list } = this.index
    const sorted = new ByteListBuilder()
    for (const id of this.order()) sorted.add(list.bytes, startOf(list, id), list.ends[id])
    return sorted.pack()
  }

  /** The rank of each number's name in byte order. */
  ranks(): Int32Array {
    const ranks = new Int32Array(this.index.size)
    const order = this.order()
    for (let rank = 0; rank < order.length; rank++) ranks[order[rank]] = rank
    return ranks
  }

  private order(): Int32Array {
    const order = new Int32Array(this.index.size)
    for (let id = 0; id < order.length; id++) order[id] = id
    sortByBytes(order, this.index.list)
    return order
  }
}

import { decode, encode, RawStr, text, utf8, type Value } from '../bytes/msgpack.js'
import { MigrationError } from '../errors.js'
import type { Row } from './slab.js'

/** Names from the root down, such as `['cortex', 'layers', iden]`. */
export type HivePath = readonly string[]

interface HiveNode {
  /** The row's msgpack. Undefined for a node that has children but no row of its own. */
  value: Uint8Array | undefined
  readonly kids: Map<string, HiveNode>
}

const NULL_VALUE = encode(null)

/**
 * A Cortex's hive in memory: db `hive` of `cell.lmdb`, with one row per node that was set, key = names joined by NUL,
 * value = msgpack. We read all of it, change it in memory, and `changes()` returns the rows to write.
 */
export class Hive {
  private readonly root: HiveNode = { value: undefined, kids: new Map() }
  /** Rows whose key is not text. No Cortex can open such a hive, and we cannot name these rows. */
  private unnamed = 0
  private readonly before = new Map<string, Uint8Array>()

  /** Builds a hive from all rows of the db. */
  static from(rows: Iterable<Row>): Hive {
    const hive = new Hive()
    for (const { key, value } of rows) {
      const path = pathOf(key)
      if (path === null) {
        hive.unnamed++
        continue
      }
      hive.before.set(path.join('\0'), value)
      hive.open(path).value = value
    }
    return hive
  }

  get unnamedCount(): number {
    return this.unnamed
  }

  /**
   * The value at a path; undefined when nothing is set there.
   *
   * @throws {MigrationError} ERR_SLAB_CORRUPT when the value is damaged
   */
  get(path: HivePath): Value | undefined {
    const value = this.find(path)?.value
    return value === undefined ? undefined : decoded(path, value)
  }

  /** The text at a path, or undefined when there is none or the value is not text. */
  getText(path: HivePath): string | undefined {
    const value = this.get(path)
    return typeof value === 'string' ? value : undefined
  }

  /** Whether the node has a value or anything below it. */
  has(path: HivePath): boolean {
    return this.find(path) !== undefined
  }

  /** Names of the children: first those that we read, in key order, then those that we added, in order. */
  children(path: HivePath): string[] {
    return [...(this.find(path)?.kids.keys() ?? [])]
  }

  set(path: HivePath, value: Value): void {
    this.open(path).value = encode(value)
  }

  /** Removes a node with everything below it; returns its value. */
  remove(path: HivePath): Value | undefined {
    const parent = this.find(path.slice(0, -1))
    const node = parent?.kids.get(path[path.length - 1])
    if (parent === undefined || node === undefined) return undefined
    parent.kids.delete(path[path.length - 1])
    return node.value === undefined ? undefined : decoded(path, node.value)
  }

  /** Copies a tree over another. Nodes in between get an explicit null, as when Synapse stores a tree. */
  copyTree(from: HivePath, to: HivePath): void {
    const source = this.find(from)
    if (source === undefined) return
    const target = this.open(to)
    target.value = source.value ?? NULL_VALUE
    for (const name of source.kids.keys()) this.copyTree([...from, name], [...to, name])
  }

  /** Sets null if the node has no value. */
  setNull(path: HivePath): void {
    const node = this.open(path)
    node.value ??= NULL_VALUE
  }

  /** The rows that have changed since we read them. */
  changes(): { puts: Row[]; deletes: Uint8Array[] } {
    const now = new Map<string, Uint8Array>()
    collect(this.root, [], now)
    const puts: Row[] = []
    for (const [path, value] of now) {
      const before = this.before.get(path)
      if (before === undefined || Buffer.compare(before, value) !== 0) puts.push({ key: utf8(path), value })
    }
    const deletes = [...this.before.keys()].filter((path) => !now.has(path)).map(utf8)
    return { puts, deletes }
  }

  private find(path: HivePath): HiveNode | undefined {
    let node: HiveNode | undefined = this.root
    for (const name of path) node = node?.kids.get(name)
    return node
  }

  private open(path: HivePath): HiveNode {
    let node = this.root
    for (const name of path) {
      let kid = node.kids.get(name)
      if (kid === undefined) {
        kid = { value: undefined, kids: new Map() }
        node.kids.set(name, kid)
      }
      node = kid
    }
    return node
  }
}

function decoded(path: HivePath, value: Uint8Array): Value {
  try {
    return decode(value)
  } catch (cause) {
    const found = `the value of "${path.join('/')}" is not msgpack: ${(cause as Error).message}`
    throw new MigrationError('ERR_SLAB_CORRUPT', `Cannot read hive of slab "cell.lmdb": ${found}`, {
      cause,
      hint: 'Restore it from a backup, or set the value again where Synapse can still read the hive',
    })
  }
}

function collect(node: HiveNode, path: string[], into: Map<string, Uint8Array>): void {
  if (node.value !== undefined) into.set(path.join('\0'), node.value)
  for (const [name, kid] of node.kids) collect(kid, [...path, name], into)
}

function pathOf(key: Uint8Array): string[] | null {
  try {
    const path = text(key)
    return path instanceof RawStr ? null : path.split('\0')
  } catch {
    return null
  }
}

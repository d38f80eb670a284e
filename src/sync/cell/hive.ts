import { decode, encode, text, type Value } from '../../bytes/msgpack.js'
import type { Db, Slab } from '../../slab/slab.js'

/**
 * A cell's hive: a tree of values in db `hive` of `slabs/cell.lmdb`, where keys are path elements joined by NUL and
 * values are msgpack. It is small, so we read all of it. Each change is written and synced at once.
 */
export class Hive {
  private readonly db: Db
  private readonly values = new Map<string, Value>()

  constructor(private readonly slab: Slab) {
    this.db = slab.db('hive')
    for (const { key, value } of this.db.rows()) {
      const path = text(key)
      if (typeof path === 'string') this.values.set(path, decode(value))
    }
  }

  get(path: readonly string[]): Value | undefined {
    return this.values.get(joined(path))
  }

  /** Names directly below a path, in key order, including those without a value of their own. */
  names(path: readonly string[]): string[] {
    const prefix = `${joined(path)}\0`
    const names = new Set<string>()
    for (const key of [...this.values.keys()].sort()) {
      if (key.startsWith(prefix)) names.add(key.slice(prefix.length).split('\0', 1)[0])
    }
    return [...names]
  }

  /** Sets several values in one transaction. */
  set(values: readonly (readonly [path: readonly string[], value: Value])[]): void {
    this.slab.write(() => {
      for (const [path, value] of values) this.db.put(Buffer.from(joined(path)), encode(value))
    })
    for (const [path, value] of values) this.values.set(joined(path), value)
  }

  /** Removes a value and everything below it. */
  pop(path: readonly string[]): void {
    const key = joined(path)
    const gone = [...this.values.keys()].filter((each) => each === key || each.startsWith(`${key}\0`))
    this.slab.write(() => {
      for (const each of gone) this.db.delete(Buffer.from(each))
    })
    for (const each of gone) this.values.delete(each)
  }
}

function joined(path: readonly string[]): string {
  return path.join('\0')
}

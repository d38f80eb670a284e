import { decodeOr, encode, PackMap, pyEquals, type Value } from '../bytes/msgpack.js'
import { cortexPaths } from '../layout/paths.js'
import { SlabReader } from '../page/page-reader.js'
import { Hive, type HivePath } from '../slab/hive.js'
import type { Difference } from './report.js'

/** Parts of the hive that steps change; everything else must be unchanged. */
const CHANGED_TREES: readonly string[] = ['auth', 'auth01x', 'migr', 'agenda']
const QUEUE_DBS = ['meta', 'sizes', 'offs', 'qdata'] as const
/** What a 2.x layer must have in the hive. */
const LAYER_FACTS: readonly (readonly [string, (value: Value) => boolean])[] = [
  ['readonly', (value) => typeof value === 'boolean'],
  ['lockmemory', (value) => typeof value === 'boolean'],
  ['logedits', (value) => value === true],
  ['model:version', (value) => pyEquals(value, [0, 2, 0])],
]

type CellDifference = Omit<Difference, 'layer'>

export interface HiveCheck {
  readonly srcDir: string
  readonly destDir: string
  /** Steps that the migration log records as done; we check only their results. */
  readonly steps: ReadonlySet<string>
}

/**
 * Compares the cells of source and destination by what must hold whatever tool wrote it: nothing of the hive is lost;
 * users, roles, gates, views, layers, triggers, cron jobs and queues all exist and refer to each other correctly.
 */
export function hiveDifferences(check: HiveCheck): { compared: number; differences: CellDifference[] } {
  const source = SlabReader.open(cortexPaths(check.srcDir).slab('cell'))
  const dest = SlabReader.open(cortexPaths(check.destDir).slab('cell'))
  try {
    return new HiveComparison(check, source, dest).run()
  } finally {
    source.close()
    dest.close()
  }
}

class HiveComparison {
  private readonly found: CellDifference[] = []
  private readonly source: Hive
  private readonly dest: Hive
  private compared = 0

  constructor(
    private readonly check: HiveCheck,
    private readonly sourceSlab: SlabReader,
    private readonly destSlab: SlabReader,
  ) {
    this.source = Hive.from(sourceSlab.db('hive')?.rows() ?? [])
    this.dest = Hive.from(destSlab.db('hive')?.rows() ?? [])
  }

  run(): { compared: number; differences: CellDifference[] } {
    const { steps } = this.check
    this.untouched()
    this.views(steps.has('cell'), steps.has('triggers'))
    if (steps.has('cell')) this.sameValue(['cellinfo', 'cortex:version'], [0, 2, 0])
    if (steps.has('hivelyr')) this.layers()
    if (steps.has('hiveauth')) this.auth()
    if (steps.has('triggers')) this.triggers()
    if (steps.has('cron')) this.crons()
    this.queues(steps.has('queues'))
    return { compared: this.compared, differences: this.found }
  }

  /** Rows that no step changes must be equal on both sides. */
  private untouched(): void {
    const rows = (slab: SlabReader) =>
      new Map([...(slab.db('hive')?.rows() ?? [])].map(({ key, value }) => [Buffer.from(key).toString('utf8'), value]))
    const [before, after] = [rows(this.sourceSlab), rows(this.destSlab)]
    for (const [path, value] of before) if (!isChanged(path)) this.sameBytes(path, value, after.get(path) ?? null)
    for (const [path, value] of after) if (!isChanged(path) && !before.has(path)) this.sameBytes(path, null, value)
    if (!this.check.steps.has('hiveauth')) return
    // Copying gives the parents of a value an explicit null.
    for (const [path, value] of before) {
      if (!path.startsWith('auth\0')) continue
      const kept = `auth01x${path.slice('auth'.length)}`
      this.sameBytes(kept, value, after.get(kept) ?? null)
    }
  }

  private views(isCell: boolean, withTriggers: boolean): void {
    const root: HivePath = ['cortex', 'views']
    this.sameNames(root, this.source.children(root), this.dest.children(root))
    for (const iden of this.source.children(root)) {
      const view = [...root, iden]
      for (const name of this.source.children(view)) {
        if (name === 'owner' || name === 'creator' || name === 'triggers') continue
        this.sameTree([...view, name])
      }
      if (isCell) this.isUser([...view, 'creator'])
      const stack = this.dest.get([...view, 'layers'])
      for (const layer of Array.isArray(stack) ? stack : []) this.mustHave(['cortex', 'layers', String(layer)])
      if (!withTriggers) continue
      for (const trigger of this.dest.children([...view, 'triggers'])) {
        if (!this.sourceTriggers().has(trigger)) this.differs('extra', [...view, 'triggers', trigger], null, this.dest)
      }
    }
  }

  private layers(): void {
    const root: HivePath = ['cortex', 'layers']
    for (const iden of this.source.children(root)) {
      this.sameValue([...root, iden, 'iden'], iden)
      this.isUser([...root, iden, 'creator'])
      for (const [name, isRight] of LAYER_FACTS) {
        this.compared++
        const value = this.dest.get([...root, iden, name])
        if (value === undefined) this.differs('missing', [...root, iden, name], null, this.dest)
        else if (!isRight(value)) this.differs('different', [...root, iden, name], null, this.dest)
      }
    }
  }

  private auth(): void {
    for (const kind of ['users', 'roles'] as const) {
      const root: HivePath = ['auth', kind]
      for (const iden of this.source.children(root)) {
        const name = this.source.get([...root, iden])
        if (name === undefined) continue
        this.sameValue([...root, iden], name)
        for (const field of this.source.children([...root, iden])) {
          if (field === 'rules') this.rules([...root, iden, field])
          else if (field === 'roles') this.roles([...root, iden, field])
          else this.sameTree([...root, iden, field])
        }
      }
    }
    const gates: HivePath = ['auth', 'authgates']
    for (const iden of this.source.children(gates)) {
      const type = this.source.get([...gates, iden]) ?? null
      this.sameValue([...gates, iden], type === 'layr' ? 'layer' : type)
    }
    for (const iden of this.dest.children(gates)) this.members([...gates, iden])
  }

  /** Rules get new paths. None may be lost, and none may allow what it denied. */
  private rules(path: HivePath): void {
    this.compared++
    const allows = (value: Value | undefined) =>
      Array.isArray(value) ? value.map((rule) => (Array.isArray(rule) ? (rule[0] ?? null) : rule)) : []
    const [before, after] = [this.source.get(path), this.dest.get(path)]
    if (pyEquals(allows(before), allows(after))) return
    this.differs(after === undefined ? 'missing' : 'different', path, before ?? null, this.dest)
  }

  private roles(path: HivePath): void {
    this.compared++
    const held = (value: Value | undefined) => (Array.isArray(value) ? value.map(String) : [])
    const [before, after] = [this.source.get(path), this.dest.get(path)]
    const lost = held(before).filter((role) => this.source.has(['auth', 'roles', role]) && !held(after).includes(role))
    const unknown = held(after).filter((role) => !this.dest.has(['auth', 'roles', role]))
    if (lost.length + unknown.length > 0) this.differs('different', path, before ?? null, this.dest)
  }

  /** Every member of a gate must exist, with the right name. */
  private members(gate: HivePath): void {
    for (const kind of ['users', 'roles'] as const) {
      for (const iden of this.dest.children([...gate, kind])) {
        const name = this.dest.get(['auth', kind, iden])
        const path = [...gate, kind, iden]
        const value = this.dest.get(path) ?? null
        this.compared++
        // A member that 0.1.x did not know either stays unchanged.
        if (name === undefined && this.source.has(['auth', 'authgates', ...path.slice(2)])) continue
        if (name === undefined || !pyEquals(name, value)) this.differs('different', path, name ?? null, this.dest)
      }
    }
  }

  /** Each trigger must be in one view, or in the migration log. */
  private triggers(): void {
    const views = this.dest.children(['cortex', 'views'])
    for (const [iden, storm] of this.sourceTriggers()) {
      this.compared++
      const path = (view: string) => ['cortex', 'views', view, 'triggers', iden]
      const there = views.filter((view) => this.dest.has(path(view)))
      if (there.length === 0 && this.isLeft(iden)) continue
      if (there.length !== 1) {
        this.found.push({
          kind: there.length === 0 ? 'missing' : 'extra',
          place: 'hive',
          buid: null,
          row: `trigger ${iden} in ${there.length} views`,
          expected: encode(storm),
          found: null,
        })
        continue
      }
      const trigger = this.dest.get(path(there[0]))
      const text = trigger instanceof PackMap ? (trigger.get('storm') ?? null) : null
      if (!pyEquals(text, storm)) this.differs('different', path(there[0]), storm, this.dest)
      if (this.check.steps.has('hiveauth')) this.mustHave(['auth', 'authgates', iden])
    }
  }

  private crons(): void {
    const root: HivePath = ['agenda', 'appts']
    this.sameNames(root, this.source.children(root), this.dest.children(root))
    for (const iden of this.source.children(root)) {
      this.compared++
      const [before, after] = [this.source.get([...root, iden]), this.dest.get([...root, iden])]
      if (after === undefined) continue // Already reported as a missing name.
      const fields = (value: Value | undefined, user: string) =>
        value instanceof PackMap
          ? new Map(value.entries.map(([name, field]) => [name === user ? 'user' : String(name), field]))
          : new Map<string, Value>()
      const [old, now] = [fields(before, 'useriden'), fields(after, 'creator')]
      const isSame = old.size === now.size && [...old].every(([name, field]) => pyEquals(field, now.get(name) ?? null))
      if (!isSame) this.differs('different', [...root, iden], before ?? null, this.dest)
      if (this.check.steps.has('hiveauth')) this.mustHave(['auth', 'authgates', iden])
    }
  }

  private queues(areNumbered: boolean): void {
    const path = (dir: string) => cortexPaths(dir).slab('queues')
    if (!SlabReader.exists(path(this.check.srcDir))) return
    if (!SlabReader.exists(path(this.check.destDir))) {
      this.found.push({
        kind: 'missing',
        place: 'queues.lmdb',
        buid: null,
        row: 'the slab',
        expected: null,
        found: null,
      })
      return
    }
    const [source, dest] = [SlabReader.open(path(this.check.srcDir)), SlabReader.open(path(this.check.destDir))]
    try {
      for (const db of QUEUE_DBS) this.sameRows(source, dest, `cortex:queue:${db}`)
      if (!areNumbered) return
      for (const { key } of dest.db('cortex:queue:meta')?.rows() ?? []) {
        const number = dest.db('cortex:queue:abrv:byts2abrv')?.get(key)
        const name = number && dest.db('cortex:queue:abrv:abrv2byts')?.get(number)
        if (name !== undefined && Buffer.compare(name, key) === 0) continue
        const row = `number of queue ${Buffer.from(key).toString('utf8')}`
        this.found.push({
          kind: 'missing',
          place: 'queues.lmdb',
          buid: null,
          row,
          expected: null,
          found: number ?? null,
        })
      }
    } finally {
      source.close()
      dest.close()
    }
  }

  private sameRows(source: SlabReader, dest: SlabReader, db: string): void {
    const [before, after] = [source.db(db)?.rows() ?? [], dest.db(db)?.rows() ?? []].map(
      (rows) => new Map([...rows].map(({ key, value }) => [Buffer.from(key).toString('hex'), value])),
    )
    for (const key of new Set([...before.keys(), ...after.keys()])) {
      const [expected, found] = [before.get(key) ?? null, after.get(key) ?? null]
      this.compared++
      if (expected !== null && found !== null && Buffer.compare(expected, found) === 0) continue
      const kind = found === null ? 'missing' : expected === null ? 'extra' : 'different'
      this.found.push({ kind, place: 'queues.lmdb', buid: null, row: `${db} ${key}`, expected, found })
    }
  }

  /** Triggers of 0.1.x by iden, with their Storm text. */
  private sourceTriggers(): Map<string, Value> {
    const rows = [...(this.sourceSlab.db('triggers')?.rows() ?? [])]
    return new Map(
      rows.map(({ key, value }) => {
        const rule = decodeOr(null, value)
        return [Buffer.from(key).toString('latin1'), rule instanceof PackMap ? (rule.get('storm') ?? null) : null]
      }),
    )
  }

  /** Whether a trigger could not be moved and is still in its old place. */
  private isLeft(iden: string): boolean {
    return this.destSlab.db('triggers')?.get(Buffer.from(iden, 'latin1')) !== undefined
  }

  private isUser(path: HivePath): void {
    this.compared++
    const iden = this.dest.get(path)
    const users = this.dest.children(['auth', 'users'])
    const hasRoot = users.some((user) => this.dest.get(['auth', 'users', user]) === 'root')
    if (typeof iden === 'string' && users.includes(iden)) return
    if (iden === null && !hasRoot) return
    this.differs(iden === undefined ? 'missing' : 'different', path, null, this.dest)
  }

  private sameTree(path: HivePath): void {
    const value = this.source.get(path)
    if (value !== undefined) this.sameValue(path, value)
    for (const name of this.source.children(path)) this.sameTree([...path, name])
  }

  private sameValue(path: HivePath, expected: Value): void {
    const found = this.dest.get(path)
    this.sameBytes(path.join('\0'), encode(expected), found === undefined ? null : encode(found))
  }

  private sameBytes(path: string, expected: Uint8Array | null, found: Uint8Array | null): void {
    this.compared++
    if (expected !== null && found !== null && Buffer.compare(expected, found) === 0) return
    const kind = found === null ? 'missing' : expected === null ? 'extra' : 'different'
    this.found.push({ kind, place: 'hive', buid: null, row: path.replaceAll('\0', '/'), expected, found })
  }

  private sameNames(path: HivePath, before: readonly string[], after: readonly string[]): void {
    for (const name of before) if (!after.includes(name)) this.differs('missing', [...path, name], null, this.dest)
    for (const name of after) if (!before.includes(name)) this.differs('extra', [...path, name], null, this.dest)
  }

  private mustHave(path: HivePath): void {
    this.compared++
    if (!this.dest.has(path)) this.differs('missing', path, null, this.dest)
  }

  private differs(kind: Difference['kind'], path: HivePath, expected: Value, dest: Hive): void {
    const found = dest.get(path)
    this.found.push({
      kind,
      place: 'hive',
      buid: null,
      row: path.join('/'),
      expected: expected === null ? null : encode(expected),
      found: found === undefined ? null : encode(found),
    })
  }
}

function isChanged(path: string): boolean {
  const [first, second] = path.split('\0')
  if (CHANGED_TREES.includes(first) || path === 'cellinfo\0cortex:version') return true
  return first === 'cortex' && (second === 'layers' || second === 'views')
}

import { BUID_BYTES } from '../bytes/buid.js'
import { assert, type MigrationError } from '../errors.js'
import { KernelIndexRows } from '../kernel/index-rows.js'
import { type Kernel, kernel } from '../kernel/kernel.js'
import { type NodeIndexDb, perDb } from '../layout/dest-dbs.js'
import { SOURCE_DBS } from '../layout/source-layer.js'
import { NODE_HEADER_BYTES, NodeFlag, readU16, readU32 } from '../page/format.js'
import type { LeafBuilder } from '../page/leaf-builder.js'
import { Page } from '../page/page.js'
import type { SlabReader } from '../page/page-reader.js'
import type { RowAt, RowCursor } from '../page/row-cursor.js'
import type { FormPlan } from '../translate/form-plan.js'
import type { NodeTranslator } from '../translate/node.js'
import type { NodePlans } from '../translate/node-plans.js'
import { CheckPlans } from './check-plans.js'
import { type KnownForm, PlanHelp } from './plan-help.js'
import { RangeScan } from './range-scan.js'

/** What `readNodes()` returns (src/kernel/assembly/node-rows.ts). */
const Found = { node: 0, window: 1, end: 2, short: 3, odd: 4, disorder: 5, pageDisorder: 6, data: 7 } as const
/** The fields of its `Row`, and the size of one. */
const RowField = { name: 0, nameBytes: 4, value: 8, valueBytes: 12, isBig: 20 } as const
const ROW_BYTES = 40
/** What a leaf has of a value on overflow pages. */
const BIG_REF_BYTES = 8
/** The databases of index rows by the number that the kernel has for them. */
const KERNEL_DBS = ['byprop', 'byarray', 'bytag', 'bytagprop'] as const satisfies readonly NodeIndexDb[]

/** What the kernel of this thread knows: it has to forget the names of another translator. */
let known: { readonly plans: NodePlans; readonly forms: KnownForm[]; readonly checks: CheckPlans } | null = null

/** A node that the kernel has translated and whose node data it leaves to us. */
export interface DataNode {
  readonly buid: Uint8Array
  /** The number of the node. */
  readonly owner: number
  readonly form: FormPlan
  /** Whether its last row is written, which names its form: nodes with nothing but a form have it for their node data alone. */
  readonly hasFormRow: boolean
}

/** A row of a node that the kernel leaves to us. */
class CopiedRow implements RowAt {
  buf: Uint8Array = new Uint8Array(0)
  keyStart = 0
  keyEnd = 0
  valueBuf: Uint8Array = this.buf
  valueStart = 0
  valueEnd = 0

  key(): Uint8Array {
    return Uint8Array.from(this.buf.subarray(this.keyStart, this.keyEnd))
  }

  value(): Uint8Array {
    return Uint8Array.from(this.valueBuf.subarray(this.valueStart, this.valueEnd))
  }
}

/**
 * Scans a layer's node rows and shows only those of unusual nodes: the kernel translates all others on the way. It hands
 * their `bybuid` rows to the page builder and keeps their index rows. Nodes with node data are unusual, too.
 */
export class UsualNodes extends RangeScan {
  private readonly kernel: Kernel = kernel()
  private readonly leaves: RowCursor | null
  private readonly row = new CopiedRow()
  private readonly forms: KnownForm[]
  /** The index rows of the run. `look()` at them when it is complete. */
  readonly indexes: Readonly<Record<NodeIndexDb, KernelIndexRows>>
  /** The rows of the node that the kernel has left to us: how many, and which one is shown. */
  private count = 0
  private shown = 0
  private isShort = false
  /** Whether the kernel has to go on before we can tell whether there is a row. */
  private isPending = false
  private waiting: DataNode | null = null
  /** Where the key and the value of each of its rows end in `copy`, and how long a value on overflow pages is, else -1. */
  private readonly rowEnds: number[] = []
  private copy = Buffer.allocUnsafeSlow(1 << 13)
  private windowPages = 0

  constructor(
    private readonly slab: SlabReader,
    private readonly translator: NodeTranslator,
    private readonly builder: LeafBuilder,
    private readonly checks: boolean,
    private readonly dataRows: RangeScan,
  ) {
    super(null, '')
    const { calls } = this.kernel
    this.leaves = slab.db(SOURCE_DBS.nodes.db)?.scanner() ?? null
    const { plans } = translator
    if (known?.plans !== plans) {
      calls.forgetNames()
      known = { plans, forms: [], checks: new CheckPlans(this.kernel) }
    }
    this.forms = known.forms
    const bigValue = (page: number, bytes: number) => (this.leaves as RowCursor).bigValue(page, bytes)
    this.kernel.nodeHelp = new PlanHelp(this.kernel, plans, this.forms, known.checks, bigValue)
    this.indexes = perDb(KERNEL_DBS, (db) => new KernelIndexRows(this.kernel, calls.indexRows(KERNEL_DBS.indexOf(db))))
    calls.beginRun()
    // A task before this one may have failed.
    this.takeCounts()
    calls.takeRowCount()
  }

  override get isOpen(): boolean {
    if (this.isPending) this.run()
    assert(this.waiting === null, () => 'Node data of a node has to be taken first')
    return this.isOnRow
  }

  /** The node before the next row whose node data has to be taken first, if there is one. Look here before `isOpen`. */
  takeDataNode(): DataNode | null {
    if (this.isPending) this.run()
    const { waiting } = this
    if (waiting === null) return null
    this.waiting = null
    this.isPending = true
    return waiting
  }

  override get cursor(): RowAt {
    return this.row
  }

  override seek(start: Uint8Array | null, end: Uint8Array | null, last = end): void {
    const { calls } = this.kernel
    this.setEnd(end, (bytes) => calls.beginRows(bytes))
    if (this.leaves?.seek(start, last) !== true) calls.beginWindow(0, 0, 0)
    else this.putWindow(this.leaves)
  }

  override goOn(end: Uint8Array | null): void {
    this.setEnd(end, (bytes) => this.kernel.calls.endRows(bytes))
  }

  override next(): boolean {
    this.rows++
    if (++this.shown < this.count) {
      this.show()
      return true
    }
    // The caller has yet to translate the node: its rows come before those of the next.
    this.isPending = true
    this.isOnRow = false
    return false
  }

  /** The buid of the last node, whoever has translated it; null when there was none. */
  lastBuid(): Uint8Array | null {
    const at = this.kernel.calls.lastBuid()
    return at === 0 ? null : Uint8Array.from(this.kernel.mem.subarray(at, at + BUID_BYTES))
  }

  /** Numbers a node that the kernel has left to us. */
  addOwner(buid: Uint8Array): number {
    const { calls } = this.kernel
    const owner = calls.ownerCount()
    const at = calls.addOwner()
    this.kernel.mem.set(buid, at)
    return owner
  }

  /** Where the buids of the run are in the kernel's memory, by owner. Valid until the next node. */
  buidsAt(): number {
    return this.kernel.calls.ownerBuids()
  }

  /** The buids of the run, by owner. Valid until the next call that may allocate. */
  buids(): Uint8Array {
    const at = this.buidsAt()
    return this.kernel.mem.subarray(at, at + this.kernel.calls.ownerCount() * BUID_BYTES)
  }

  /** Moves the index rows of the node that JavaScript has translated to `indexes`. Call it behind the last node of a run. */
  keepIndexRows(): void {
    for (const db of KERNEL_DBS) {
      const rows = this.translator.indexes[db]
      for (let i = 0; i < rows.count; i++) {
        const start = rows.starts[i]
        this.indexes[db].add(rows.groups[i], rows.owners[i], rows.bytes, start, start + rows.lengths[i])
      }
      rows.reset(0, 0)
    }
  }

  nextRun(): void {
    this.kernel.calls.beginRun()
  }

  /** What the kernel has translated since the last call: nodes by form, and tag props of another type (D12). */
  takeCounts(): {
    readonly nodes: number
    readonly typed: number
    readonly forms: readonly (readonly [string, number])[]
  } {
    const { calls } = this.kernel
    const forms = this.forms.map(({ plan, at }) => [plan.name, calls.takeNodes(at)] as const)
    return {
      nodes: calls.takeNodeCount(),
      typed: calls.takeTypedCount(),
      forms: forms.filter(([, nodes]) => nodes > 0),
    }
  }

  /** Has the kernel go on until there is a node that it leaves to us. */
  private run(): void {
    const { calls } = this.kernel
    this.isPending = false
    this.keepIndexRows()
    this.setLimit()
    for (;;) {
      const found = calls.readNodes(this.builder.pages, this.checks)
      this.rows += calls.takeRowCount()
      if (found === Found.window) this.nextWindow()
      else if (found === Found.odd) throw this.damage()
      else if (found === Found.disorder) throw this.slab.corrupt('its keys are out of order')
      else if (found === Found.pageDisorder) throw this.slab.corrupt(this.pageDisorder())
      else {
        if (calls.rowFault() !== 0) throw this.fault()
        if (found === Found.data) {
          this.waiting = this.dataNode()
          return
        }
        this.isOnRow = found !== Found.end
        this.isShort = found === Found.short
        if (this.isOnRow) this.takeRows()
        return
      }
    }
  }

  private dataNode(): DataNode {
    const { calls } = this.kernel
    return {
      buid: this.lastBuid() as Uint8Array,
      owner: calls.ownerCount() - 1,
      form: this.forms[calls.formOfData()].plan,
      hasFormRow: calls.nodeRowCount() > 1,
    }
  }

  /** Node data, and nodes that come behind it, are ours. */
  private setLimit(): void {
    const { kernel, dataRows } = this
    const { isOpen } = dataRows
    const keyBytes = isOpen ? dataRows.keyBytes : 0
    const at = kernel.calls.limitNodes(isOpen, keyBytes >= BUID_BYTES)
    if (!isOpen) return
    const { buf, keyStart } = dataRows.cursor
    const bytes = Math.min(keyBytes, BUID_BYTES)
    kernel.mem.fill(0, at, at + BUID_BYTES)
    kernel.mem.set(buf.subarray(keyStart, keyStart + bytes), at)
  }

  private setEnd(end: Uint8Array | null, put: (bytes: number) => number): void {
    this.isPending = true
    this.isOnRow = false
    const bytes = end?.length ?? 0
    assert(bytes <= BUID_BYTES, () => `A range ends within a node, at a key of ${bytes} bytes`)
    const at = put(bytes)
    if (end !== null) this.kernel.mem.set(end, at)
  }

  private nextWindow(): void {
    const leaves = this.leaves as RowCursor
    leaves.passLeaves(this.windowPages)
    this.putWindow(leaves)
  }

  private putWindow(cursor: RowCursor): void {
    const { kernel, slab } = this
    const leaves = cursor.leaves()
    if (leaves === null) {
      kernel.calls.beginWindow(0, 0, 0)
      return
    }
    this.windowPages = leaves.pages
    const at = kernel.calls.beginWindow(leaves.pages, slab.pageSize, leaves.index)
    kernel.mem.set(leaves.bytes, at)
  }

  /** Copies the rows of the node, as the kernel's memory moves when it grows. */
  private takeRows(): void {
    const { calls, view, mem } = this.kernel
    const rows = calls.nodeRows()
    this.count = calls.nodeRowCount()
    this.shown = 0
    this.rowEnds.length = 0
    let used = 0
    for (let row = 0; row < this.count; row++) {
      const field = (offset: number) => view.getUint32(rows + row * ROW_BYTES + offset, true)
      const nameBytes = field(RowField.nameBytes)
      const valueBytes = field(RowField.valueBytes)
      const isBig = field(RowField.isBig) !== 0
      // The value follows the name.
      const bytes = nameBytes + (isBig ? BIG_REF_BYTES : valueBytes)
      const start = used + (this.isShort ? 0 : BUID_BYTES)
      this.makeRoom(start + bytes)
      if (!this.isShort) mem.copy(this.copy, used, calls.lastBuid(), calls.lastBuid() + BUID_BYTES)
      mem.copy(this.copy, start, field(RowField.name), field(RowField.name) + bytes)
      this.rowEnds.push(start + nameBytes, start + bytes, isBig ? valueBytes : -1)
      used = start + bytes
    }
    this.show()
  }

  private makeRoom(bytes: number): void {
    if (bytes <= this.copy.length) return
    const larger = Buffer.allocUnsafeSlow(2 * bytes)
    this.copy.copy(larger)
    this.copy = larger
  }

  private show(): void {
    const { row, shown, rowEnds, copy } = this
    const [keyEnd, valueEnd, bigBytes] = [rowEnds[3 * shown], rowEnds[3 * shown + 1], rowEnds[3 * shown + 2]]
    row.buf = copy
    row.keyStart = shown === 0 ? 0 : rowEnds[3 * shown - 2]
    row.keyEnd = keyEnd
    row.valueBuf = copy
    row.valueStart = keyEnd
    row.valueEnd = valueEnd
    if (bigBytes < 0) return
    row.valueBuf = (this.leaves as RowCursor).bigValue(copy.readUIntLE(keyEnd, 6), bigBytes)
    row.valueStart = 0
    row.valueEnd = row.valueBuf.length
  }

  /** What is wrong with the page that the kernel does not read. */
  private damage(): MigrationError {
    const { kernel, slab } = this
    const at = kernel.calls.nextPage()
    const bytes = Uint8Array.from(kernel.mem.subarray(at, at + slab.pageSize))
    const page = new Page(slab, bytes, 0)
    if (page.isBranch) return slab.corrupt('leaves lie at different depths')
    if (page.count === 0) return slab.corrupt('a leaf page is empty')
    for (let index = 0; index < page.count; index++) {
      const node = page.node(index)
      const isBig = (readU16(bytes, node + 4) & NodeFlag.big) !== 0
      const keyEnd = node + NODE_HEADER_BYTES + readU16(bytes, node + 6)
      if (keyEnd + (isBig ? BIG_REF_BYTES : readU32(bytes, node)) > bytes.length) {
        return page.corrupt('a node ends outside of its page')
      }
    }
    return page.corrupt('a key has several values')
  }

  private pageDisorder(): string {
    const page = this.kernel.mem.readUIntLE(this.kernel.calls.nextPage(), 6)
    return `page ${page}: its keys do not follow those of the page before`
  }

  private fault(): Error {
    const { calls, mem } = this.kernel
    const key = mem.subarray(calls.faultKey(), calls.faultKey() + calls.faultKeyLength())
    return this.builder.error(calls.rowFault(), key, new Uint8Array(0))
  }
}

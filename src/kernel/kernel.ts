import { readFileSync } from 'node:fs'
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads'

/** What src/kernel/assembly exports. Addresses are offsets into `memory`. */
export interface KernelExports {
  readonly memory: WebAssembly.Memory
  allocate(bytes: number): number
  release(at: number): void
  addRow(pages: number, key: number, keyBytes: number, value: number, valueBytes: number): number
  newPages(dupSort: boolean, spare: number): number
  finishPages(pages: number): void
  freePages(pages: number): void
  newMerge(readers: number): number
  takeRange(merge: number, gte: number, gteBytes: number, lt: number, ltBytes: number): void
  mergeToPages(merge: number, readers: number, pages: number, prefix: number, prefixBytes: number): number
  mergeToRun(merge: number, list: number, ends: number, out: number, section: number, blockBytes: number): number
  freeMerge(merge: number): void
  newSplices(): number
  beginSplices(splices: number, offset: number, rows: number): void
  addSplices(splices: number): number
  endSplices(splices: number): void
  addSpliceName(splices: number, value: number): void
  clearSpliceNames(splices: number): void
  beginRows(endBytes: number): number
  endRows(endBytes: number): number
  beginWindow(pages: number, pageBytes: number, firstRow: number): number
  readNodes(pages: number, checks: boolean): number
  nodeRows(): number
  nodeRowCount(): number
  lastBuid(): number
  nextPage(): number
  limitNodes(isLimited: boolean, isWhole: boolean): number
  formOfData(): number
  rowFault(): number
  faultKey(): number
  faultKeyLength(): number
  newForm(
    id: number,
    check: number,
    stortype: number,
    group: number,
    stor: number,
    storBytes: number,
    names: number,
    packedBytes: number,
    utf8Bytes: number,
  ): number
  newValue(
    stortype: number,
    group: number,
    univGroup: number,
    nameSkip: number,
    stor: number,
    storBytes: number,
    isTyped: boolean,
  ): number
  newCheck(kind: number, table: number, low: number, high: number, mark: number, items: number): number
  setCheckItem(check: number, index: number, item: number): void
  newTable(bytes: number): number
  isSure(check: number, at: number, end: number): number
  takeNodes(form: number): number
  forgetNames(): void
  beginRun(): void
  indexRows(db: number): number
  newIndexRows(): number
  addIndexRow(rows: number, group: number, owner: number, bytes: number): number
  clearIndexRows(rows: number): void
  groupKeys(rows: number, count: number): number
  forgetGroupKeys(rows: number): void
  freshGroups(rows: number): number
  newRunOut(most: number): number
  newSection(): number
  clearSection(section: number): void
  writeSection(rows: number, buids: number, out: number, section: number, blockBytes: number): number
  addOwner(): number
  ownerBuids(): number
  ownerCount(): number
  takeRowCount(): number
  takeNodeCount(): number
  takeTypedCount(): number
  /** Writes the SHA-256 of `[from, from + bytes)` to `out`. */
  sha256(out: number, from: number, bytes: number): void
}

/** Takes what a builder of pages has finished (src/kernel/assembly/env.ts). */
export interface PageSink {
  putPage(page: number, refs: number, refCount: number, isLeaf: number): number
  putRun(value: number, valueBytes: number): number
}

/** What a merge of runs needs (src/kernel/assembly/env.ts). */
export interface MergeHost {
  refill(reader: number): number
}

/** Takes the content of a file of runs (src/kernel/assembly/env.ts). */
export interface RunSink {
  flush(): void
}

/** What the kernel asks while it translates nodes (src/kernel/assembly/env.ts). */
export interface NodeHelp {
  learnForm(name: number, bytes: number): number
  learnProp(form: number, name: number, bytes: number): number
  learnTagProp(tag: number, form: number, name: number, bytes: number): number
  learnTag(name: number, bytes: number): number
  learnTagForm(tag: number, form: number): number
  learnCheck(name: number, bytes: number): number
  isNormed(form: number, at: number, end: number): boolean
  readBig(ref: number, out: number, bytes: number): void
  indexOf(stortype: number, at: number, end: number, out: number): number
}

/** How the module gets to threads that start later. */
const SHARED = 'synapse-migrator:kernel'

/**
 * The part of the program that is WebAssembly: what is done for each row of large layers, on memory of its own. Each
 * thread has one instance, but all share its machine code, while each compiles JavaScript for itself.
 */
export class Kernel {
  readonly calls: KernelExports
  /** Of each open builder of pages, by its address. */
  readonly sinks = new Map<number, PageSink>()
  /** Of each merge of runs, by its address. */
  readonly merges = new Map<number, MergeHost>()
  /** Of each file of runs that is being written, by the address of its `RunOut`. */
  readonly runs = new Map<number, RunSink>()
  /** Of the task that has its nodes translated. */
  nodeHelp: NodeHelp | null = null
  private bytes: Buffer<ArrayBuffer>
  private words: DataView<ArrayBuffer>

  constructor(module: WebAssembly.Module) {
    const putPage = (pages: number, page: number, refs: number, refCount: number, isLeaf: number) =>
      this.sinkOf(pages).putPage(page, refs, refCount, isLeaf)
    const putRun = (pages: number, value: number, valueBytes: number) => this.sinkOf(pages).putRun(value, valueBytes)
    const refill = (merge: number, reader: number) => this.hostOf(merge).refill(reader)
    const flushRun = (out: number) => (this.runs.get(out) ?? abort()).flush()
    const env = { abort, putPage, putRun, refill, flushRun, ...this.nodeImports() }
    this.calls = new WebAssembly.Instance(module, { env }).exports as unknown as KernelExports
    this.bytes = Buffer.from(this.calls.memory.buffer)
    this.words = new DataView(this.calls.memory.buffer)
  }

  /** Its memory. Ask again after each call that may allocate: growing gives it another buffer. */
  get mem(): Buffer<ArrayBuffer> {
    if (this.bytes.length === 0) this.look()
    return this.bytes
  }

  get view(): DataView<ArrayBuffer> {
    if (this.bytes.length === 0) this.look()
    return this.words
  }

  private nodeImports(): Readonly<Record<keyof NodeHelp, (...args: number[]) => number>> {
    const help = () => this.nodeHelp ?? abort()
    return {
      learnForm: (name, bytes) => help().learnForm(name, bytes),
      learnProp: (form, name, bytes) => help().learnProp(form, name, bytes),
      learnTagProp: (tag, form, name, bytes) => help().learnTagProp(tag, form, name, bytes),
      learnTag: (name, bytes) => help().learnTag(name, bytes),
      learnTagForm: (tag, form) => help().learnTagForm(tag, form),
      learnCheck: (name, bytes) => help().learnCheck(name, bytes),
      readBig: (ref, out, bytes) => {
        help().readBig(ref, out, bytes)
        return 0
      },
      isNormed: (form, at, end) => (help().isNormed(form, at, end) ? 1 : 0),
      indexOf: (stortype, at, end, out) => help().indexOf(stortype, at, end, out),
    }
  }

  private sinkOf(pages: number): PageSink {
    return this.sinks.get(pages) ?? abort()
  }

  private hostOf(merge: number): MergeHost {
    return this.merges.get(merge) ?? abort()
  }

  private look(): void {
    this.bytes = Buffer.from(this.calls.memory.buffer)
    this.words = new DataView(this.calls.memory.buffer)
  }
}

let own: Kernel | null = null

/** The kernel of this thread. */
export function kernel(): Kernel {
  own ??= new Kernel(kernelModule())
  return own
}

/** Compiles the module if no thread has done so. Call it before you start threads: they then share the code. */
export function kernelModule(): WebAssembly.Module {
  const shared = getEnvironmentData(SHARED)
  if (shared instanceof WebAssembly.Module) return shared
  const module = new WebAssembly.Module(readFileSync(new URL('./data/kernel.wasm', import.meta.url)))
  setEnvironmentData(SHARED, module as never)
  return module
}

function abort(): never {
  throw new Error('The kernel has come to a state that it must not have')
}

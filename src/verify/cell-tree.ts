import { closeSync, existsSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type OpenFile, readAt } from '../file/read-at.js'
import { joinPath } from '../file/remove-tree.js'
import { cortexPaths } from '../layout/paths.js'
import { NO_OPTIONS, optsYamlPath } from '../slab/opts-yaml.js'
import { type CopiedFile, copiedFiles } from '../source/copied-files.js'
import type { CellDifference } from './cell-rows.js'
import type { ExpectedCell } from './expected-cell.js'

const CHUNK_BYTES = 1 << 20
/** Compared elsewhere: layers, and the migration's own files. */
const ELSEWHERE = ['layers', 'migration']
/** Slabs that differ from those in the source. */
const NEXUS = 'slabs/nexus.lmdb'
const MADE_SLABS = ['slabs/cell.lmdb', 'slabs/queues.lmdb', NEXUS]

export interface TreeOptions {
  readonly srcDir: string
  readonly destDir: string
  readonly startedBy: string | null
  readonly expected: ExpectedCell
}

export interface TreeResult {
  /** Files that were compared. */
  readonly files: number
  /** Slabs to compare row by row, by their path below the Cortex directory. */
  readonly slabs: readonly { readonly name: string; readonly source: string; readonly dest: string }[]
  readonly differences: readonly CellDifference[]
  readonly notCompared: readonly string[]
}

/** Compares the files of a destination, except its layers, with those of the source, byte by byte. Lists the slabs. */
export function compareTree(options: TreeOptions): TreeResult {
  return new TreeComparison(options).run()
}

class TreeComparison {
  private readonly options: TreeOptions
  private readonly differences: CellDifference[] = []
  private readonly notCompared: string[] = []
  private files = 0

  constructor(options: TreeOptions) {
    this.options = options
  }

  run(): TreeResult {
    const { srcDir, destDir, startedBy, expected } = this.options
    const wanted = new Map(this.list(srcDir).map((entry) => [nameOf(entry), entry.kind]))
    for (const [path, content] of expected.files.changed) {
      const name = Buffer.from(path).toString('latin1')
      if (content === null) wanted.delete(name)
      else wanted.set(name, 'file')
    }
    if (expected.hasQueues) wanted.set('slabs/queues.lmdb', 'slab')
    const found = this.list(destDir)
    const there = new Map(found.map((entry) => [nameOf(entry), entry.kind]))
    for (const [name, kind] of wanted) this.entry(name, kind, there)
    const own = new Set<string>()
    for (const [name, kind] of there) {
      const [top] = name.split('/')
      if (
        wanted.has(name) ||
        ELSEWHERE.includes(top) ||
        name === 'slabs' ||
        name === NEXUS ||
        this.isOptions(name, wanted)
      )
        continue
      // Step dirn does not touch what has no counterpart in the source.
      if (top !== 'slabs' && !wanted.has(top)) own.add(top)
      else if (startedBy === null) this.differs('extra', name, `the ${kind}`)
    }
    for (const slab of MADE_SLABS) {
      const options = optsYamlPath(slab)
      if (startedBy === null && there.has(slab) && !there.has(options) && !wanted.has(options))
        this.differs('missing', options, 'the file')
    }
    for (const name of own) this.notCompared.push(`"${text(name)}", which is not of the source`)
    const slabs = [...wanted]
      .filter(([name, kind]) => kind === 'slab' && there.get(name) === 'slab' && !MADE_SLABS.includes(name))
      .map(([name]) => text(name))
    return {
      files: this.files,
      slabs: slabs
        .filter((name) => this.canOpen(name))
        .map((name) => ({ name, source: join(srcDir, name), dest: join(destDir, name) })),
      differences: this.differences,
      notCompared: this.notCompared,
    }
  }

  private list(dir: string): CopiedFile[] {
    const entries: CopiedFile[] = []
    for (const entry of copiedFiles(dir)) {
      if (!('reason' in entry)) entries.push(entry)
      else if (entry.kind === 'lost') this.notCompared.push(entry.reason)
    }
    return entries
  }

  private entry(name: string, kind: CopiedFile['kind'], there: ReadonlyMap<string, CopiedFile['kind']>): void {
    const found = this.foundName(name)
    if (kind === 'file') this.files++
    if (there.get(found) !== kind) this.differs('missing', name, `the ${kind}`)
    else if (kind === 'file' && !this.isSame(name, found)) this.differs('different', name, 'the content')
  }

  /** Each run of step hiveauth writes its hierarchy under a new name; the last one counts. */
  private foundName(name: string): string {
    if (!/^migration\/authhier_-?\d+\.mpk$/.test(name)) return name
    const { dir } = cortexPaths(this.options.destDir).migration
    const names = existsSync(dir) ? readdirSync(dir) : []
    const times = names.flatMap((file) => /^authhier_(\d+)\.mpk$/.exec(file)?.[1] ?? []).map(Number)
    return times.length === 0 ? name : `migration/authhier_${Math.max(...times)}.mpk`
  }

  private isSame(name: string, found: string): boolean {
    const { srcDir, destDir, expected } = this.options
    const content = expected.files.changed.get(text(name))
    if (content !== undefined)
      return content !== null && Buffer.compare(content, readFileSync(pathOf(destDir, found))) === 0
    return sameFiles(pathOf(srcDir, name), pathOf(destDir, found))
  }

  /** Whether it is the options file of a slab: we create one for each slab that we write to. */
  private isOptions(name: string, wanted: ReadonlyMap<string, unknown>): boolean {
    const slab = name.replace(/\.opts\.yaml$/, '.lmdb')
    if (slab === name || !(wanted.has(slab) || MADE_SLABS.includes(slab))) return false
    this.files++
    return readFileSync(pathOf(this.options.destDir, name), 'utf8') === NO_OPTIONS
  }

  /** We open slabs by text paths only. */
  private canOpen(name: string): boolean {
    const isText = !name.includes('\ufffd')
    if (!isText) this.notCompared.push(`slab "${name}": its name is not UTF-8`)
    return isText
  }

  private differs(kind: CellDifference['kind'], name: string, row: string): void {
    this.differences.push({ kind, place: text(name), buid: null, row, expected: null, found: null })
  }
}

/** Names below the Cortex directory as latin1, which keeps names apart that are not UTF-8. */
function nameOf({ names }: CopiedFile): string {
  return names.map((name) => name.toString('latin1')).join('/')
}

function text(name: string): string {
  return Buffer.from(name, 'latin1').toString('utf8')
}

function pathOf(dir: string, name: string): Buffer {
  return joinPath(dir, Buffer.from(name, 'latin1'))
}

function sameFiles(left: Buffer, right: Buffer): boolean {
  if (statSync(left).size !== statSync(right).size) return false
  const files = [left, right].map((path): OpenFile => ({ path, fd: openSync(path, 'r') }))
  const buffers = [Buffer.allocUnsafe(CHUNK_BYTES), Buffer.allocUnsafe(CHUNK_BYTES)]
  try {
    for (;;) {
      const [a, b] = files.map((file, i) => buffers[i].subarray(0, readAt(file, buffers[i], CHUNK_BYTES, null)))
      if (!a.equals(b)) return false
      if (a.length === 0) return true
    }
  } finally {
    for (const { fd } of files) closeSync(fd)
  }
}

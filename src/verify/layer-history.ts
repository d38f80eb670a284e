import { cortexPaths } from '../layout/paths.js'
import type { ModelData } from '../model/model.js'
import { SlabReader } from '../page/page-reader.js'
import { spliceRows } from '../source/source-dbs.js'
import { planStarts } from '../source/splice-ranges.js'
import { inTurn } from '../thread/in-turn.js'
import type { TaskPool } from '../thread/task-pool.js'
import type { LayerFindings } from './layer-findings.js'
import type { Difference } from './report.js'
import type { EditDifference, VerifySplicesInput, VerifySplicesResult } from './tasks/verify-splices.js'

export interface LayerHistoryOptions {
  readonly iden: string
  readonly srcDir: string
  readonly destDir: string
  readonly model: ModelData
  readonly logPath: string | null
  /** Whether this program made the destination: other tools group edits differently. */
  readonly isOurs: boolean
  /** How many error records the migration log has for this layer's splices. */
  readonly loggedErrors: { readonly splices: number }
}

export interface HistoryCounts {
  readonly splices: number
  readonly failures: number
  /** Node edits. */
  readonly rows: number
}

/** The counts of a layer without splices. */
export const NO_HISTORY: HistoryCounts = { splices: 0, failures: 0, rows: 0 }

/** Translates the splices of a layer again and compares the result with its node edits. */
export class LayerHistory {
  private readonly splicesPath: string
  private readonly editsPath: string

  constructor(
    private readonly options: LayerHistoryOptions,
    private readonly pool: TaskPool,
    private readonly findings: LayerFindings,
  ) {
    this.splicesPath = cortexPaths(options.srcDir).layer(options.iden).slab('splices')
    this.editsPath = cortexPaths(options.destDir).layer(options.iden).slab('nodeedits')
  }

  async run(): Promise<HistoryCounts> {
    const { findings } = this
    if (!SlabReader.exists(this.editsPath)) {
      if (SlabReader.exists(this.splicesPath)) findings.lacksSlab('nodeedits.lmdb')
      return NO_HISTORY
    }
    if (!SlabReader.exists(this.splicesPath)) {
      this.editsBehind(0)
      return NO_HISTORY
    }
    if (!this.options.isOurs) return this.foreignHistory()
    const ranges = this.spliceRanges()
    const results = await this.translatedSplices(ranges)
    const total = (field: 'splices' | 'rows' | 'failures') => results.reduce((sum, result) => sum + result[field], 0)
    const failures = total('failures')
    await this.compareEdits(ranges, results)
    this.editsBehind(total('rows'))
    if (this.options.logPath !== null && this.options.loggedErrors.splices > failures) {
      const row = `${failures} splices cannot be translated, the log names ${this.options.loggedErrors.splices}`
      this.findings.differs({ kind: 'different', place: 'errors', buid: null, row, expected: null, found: null })
    }
    return { splices: total('splices'), failures, rows: total('rows') }
  }

  private spliceRanges(): VerifySplicesInput[] {
    const { splicesPath: slabPath } = this
    const { state } = this.findings
    if (state.starts === null) {
      const slab = SlabReader.open(slabPath)
      state.starts = planStarts(spliceRows(slab), slab.pageSize)
      slab.close()
    }
    const { starts } = state
    const { iden: layer, logPath, model } = this.options
    return starts.map((start, i) => ({ layer, logPath, slabPath, start, end: starts[i + 1] ?? null, model }))
  }

  /** How many node edits each range of splices makes. Reads only ranges that an earlier run did not get to. */
  private async translatedSplices(ranges: readonly VerifySplicesInput[]): Promise<VerifySplicesResult[]> {
    const { translated } = this.findings.state
    const open = [...ranges.keys()].filter((index) => !translated.has(index))
    await inTurn(open, 2 * this.pool.workers, async (i) => {
      const { result, differences, differenceCount } = await this.pool.run('verifySplices', ranges[i])
      for (const { offset, expected, found } of differences) {
        const kind = found === null ? 'missing' : 'different'
        const row = `splices record of the migration log, splice ${offset}`
        this.findings.differs({ kind, place: 'errors', buid: null, row, expected, found })
      }
      this.findings.addUntold(differenceCount - differences.length)
      translated.set(i, result)
      this.findings.save()
    })
    return ranges.map((_, i) => translated.get(i) as VerifySplicesResult)
  }

  private async compareEdits(
    ranges: readonly VerifySplicesInput[],
    results: readonly VerifySplicesResult[],
  ): Promise<void> {
    const { editsPath } = this
    const { state } = this.findings
    let first = 0
    const jobs = ranges.map((range, i) => {
      const job = { ...range, editsPath, first, ...results[i] }
      first += results[i].rows
      return { i, job }
    })
    const left = jobs.filter(({ i }) => !state.edits.has(i))
    await inTurn(left, 2 * this.pool.workers, async ({ i, job }) => {
      const { differences, differenceCount } = await this.pool.run('verifyEdits', job)
      for (const difference of differences) this.findings.differs(editDifference(difference))
      this.findings.addUntold(differenceCount - differences.length)
      state.edits.add(i)
      this.findings.save()
    })
  }

  /** Other tools group edits differently, so this compares single edits, in any order. */
  private async foreignHistory(): Promise<HistoryCounts> {
    const { model, loggedErrors } = this.options
    const { splices, failures, rows, differences, differenceCount } = await this.pool.run('verifyEditSet', {
      slabPath: this.splicesPath,
      editsPath: this.editsPath,
      model,
    })
    for (const { expected, found, row } of differences) {
      const kind = expected === null ? 'extra' : 'missing'
      this.findings.differs({ kind, place: 'nodeedits', buid: null, row, expected, found })
    }
    this.findings.addUntold(differenceCount - differences.length)
    return { splices, failures: Math.min(failures, loggedErrors.splices), rows }
  }

  private editsBehind(next: number): void {
    const slab = SlabReader.open(this.editsPath)
    const start = Buffer.alloc(8)
    start.writeBigUInt64BE(BigInt(next))
    try {
      for (const { key, value } of slab.db('nodeedits')?.rows(start) ?? []) {
        const index = key.length === 8 ? Number(Buffer.from(key).readBigUInt64BE()) : -1
        this.findings.differs(editDifference({ index, expected: null, found: value }))
      }
    } finally {
      slab.close()
    }
  }
}

function editDifference({ index, expected, found }: EditDifference): Omit<Difference, 'layer'> {
  const kind = expected === null ? 'extra' : found === null ? 'missing' : 'different'
  return { kind, place: 'nodeedits', buid: null, row: `node edit ${index}`, expected, found }
}

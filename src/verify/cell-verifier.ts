import { basename } from 'node:path'
import { encode, MsgpackError } from '../bytes/msgpack.js'
import { LOG_DB } from '../dest/migration-log.js'
import { cortexPaths } from '../layout/paths.js'
import { SlabReader } from '../page/page-reader.js'
import { Hive } from '../slab/hive.js'
import { MemorySlab } from '../slab/memory-slab.js'
import type { MigrOp } from '../step/context.js'
import type { Step } from '../step/step.js'
import { CELL_STEPS } from '../step/steps.js'
import type { TaskPool } from '../thread/task-pool.js'
import { type CellDifference, type CellSlabName, cellRows } from './cell-rows.js'
import { compareTree } from './cell-tree.js'
import { damageOf, destDamageOf } from './damage.js'
import { type ExpectedCell, expectedCell } from './expected-cell.js'
import { hiveDifferences } from './hive-differences.js'
import { strangeLayerFiles } from './layer-files.js'
import { type LayerFacts, layerRecords } from './layer-records.js'
import type { CellReport } from './report.js'
import { offsetsDifferences, versionsDifferences } from './report-files.js'
import type { CompareSlabResult } from './tasks/compare-slab.js'

const yes = encode(true)

export interface CellVerifierOptions {
  readonly srcDir: string
  readonly destDir: string
  readonly cellGuid: string
  /** Idens of the layers that the destination has. */
  readonly layers: readonly string[]
  /** What the log and the reports must say about each of them. */
  readonly layerFacts: readonly LayerFacts[]
  /** Whether this program made the destination. */
  readonly isOurs: boolean
  /** The release of Synapse that has been started on the destination, or null. */
  readonly startedBy: string | null
  /** Layers whose nodes the migration added to the nexus log. */
  readonly nexusLayers: readonly string[]
  /** How many rows the edit log of each layer must have, by iden; null when not all layers were compared. */
  readonly nodeEdits: ReadonlyMap<string, number> | null
  /** Whether to compare files and copied slabs too. */
  readonly withFiles: boolean
}

/** The result for the Cortex without its layers. */
export interface CellResult {
  readonly report: CellReport
  readonly differences: readonly CellDifference[]
  readonly notCompared: readonly string[]
}

/**
 * Compares everything in a Cortex except its layers with what the steps make of the source: hive, queues, these steps'
 * records in the migration log, files, and copied slabs.
 */
export function verifyCell(options: CellVerifierOptions, pool: TaskPool): Promise<CellResult> {
  return new CellVerifier(options, pool).run()
}

class CellVerifier {
  private readonly differences: CellDifference[] = []
  private more = 0
  private rows = 0
  private files = 0
  private slabs = 0
  private readonly notCompared: string[] = []

  constructor(
    private readonly options: CellVerifierOptions,
    private readonly pool: TaskPool,
  ) {}

  async run(): Promise<CellResult> {
    const log = this.readLog()
    if (this.options.isOurs) await this.ours(log)
    else this.foreign(log)
    return {
      report: {
        compared: this.rows,
        files: this.files,
        slabs: this.slabs,
        differenceCount: this.differences.length + this.more,
      },
      differences: this.differences,
      notCompared: this.notCompared,
    }
  }

  /** Compares a Cortex that this program migrated: we know every row. */
  private async ours(log: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const { srcDir, destDir, cellGuid, layers, startedBy, withFiles } = this.options
    const dedicated = log.get('hivelyr\0conf\0dedicated')
    const expected = await expectedCell({
      srcDir,
      destDir,
      cellGuid,
      layers,
      steps: this.doneSteps(log),
      destDedicated: dedicated !== undefined && Buffer.compare(dedicated, yes) === 0,
    })
    try {
      const paths = cortexPaths(destDir)
      await this.slab('cell', paths.slab('cell'), expected.cell)
      if (expected.hasQueues) await this.slab('queues', paths.slab('queues'), expected.queues)
      await this.slab('log', paths.migration.log, expected.log)
      this.layerLog(log)
      if (withFiles) this.layerFiles()
      if (withFiles) await this.tree(expected)
      if (withFiles) await this.nexus(expected)
      if (!withFiles) this.notCompared.push('files, the axon, the nexus log, and other slabs that are only copied')
    } finally {
      expected.close()
    }
    if (startedBy !== null)
      this.notCompared.push(`what Synapse ${startedBy} has added since: files, databases, and rows of copied slabs`)
  }

  /** Compares the result of another tool, which differs in places: checks only what every tool must get right. */
  private foreign(log: ReadonlyMap<string, Uint8Array>): void {
    const { srcDir, destDir } = this.options
    const { compared, differences } = hiveDifferences({ srcDir, destDir, steps: this.doneSteps(log) })
    this.rows += compared
    this.differences.push(...differences)
    this.offsets(log)
    this.notCompared.push(
      'the hive row by row, as another tool has made it: only that nothing of the source is lost, and that names belong together',
      'statistics and versions of the layers in the migration log, migration/migrvers.yaml',
      'queue numbers, files, the axon, the nexus log, and other slabs that are only copied',
    )
  }

  /** Compares what the migration log and the reports say about the layers. */
  private layerLog(log: ReadonlyMap<string, Uint8Array>): void {
    const { destDir, layerFacts: layers } = this.options
    this.offsets(log)
    // The comparison of the log reports one that cannot be read.
    if (log.size === 0) return
    const { rows, differences } = layerRecords(log, layers)
    this.rows += rows
    this.differences.push(...differences)
    const done = new Set<MigrOp>(this.stepsOf(log))
    if (layers.some(({ withNodes }) => withNodes)) done.add('nodes')
    if (layers.some(({ withNodedata }) => withNodedata)) done.add('nodedata')
    if (layers.some(({ withSplices }) => withSplices)) done.add('splices')
    this.differences.push(...versionsDifferences({ destDir, log, layers }, done))
  }

  /** Compares the offsets that a sync starts from. */
  private offsets(log: ReadonlyMap<string, Uint8Array>): void {
    const { destDir, layerFacts: layers } = this.options
    this.differences.push(...offsetsDifferences({ destDir, log, layers }))
  }

  private layerFiles(): void {
    const { destDir, layers, startedBy } = this.options
    const strange = [...strangeLayerFiles(destDir, layers)]
    if (startedBy === null) for (const { kind, name, what } of strange) this.differs(kind, name, what)
    else if (strange.length > 0)
      this.notCompared.push(
        `what Synapse ${startedBy} may have made or changed below layers: ${strange.map(({ name }) => name).join(', ')}`,
      )
  }

  private async slab(name: CellSlabName, path: string, expected: MemorySlab): Promise<void> {
    if (!SlabReader.exists(path)) {
      this.differs('missing', basename(path), 'the slab')
      return
    }
    await this.pages(path, basename(path))
    await this.readable(basename(path), () => {
      const slab = SlabReader.open(path)
      try {
        const { rows, differences, notCompared } = cellRows(
          name,
          expected,
          new MemorySlab(slab),
          this.options.startedBy,
        )
        this.rows += rows
        this.differences.push(...differences)
        this.notCompared.push(...notCompared)
      } finally {
        slab.close()
      }
    })
  }

  private async tree(expected: ExpectedCell): Promise<void> {
    const { srcDir, destDir, startedBy } = this.options
    const { files, slabs, differences, notCompared } = compareTree({ srcDir, destDir, startedBy, expected })
    this.files += files
    this.differences.push(...differences)
    this.notCompared.push(...notCompared)
    for (const { source, dest, name } of slabs) {
      await this.pages(dest, name)
      await this.readable(name, async () => {
        const result = await this.pool.run('compareSlab', { source, dest, isStarted: startedBy !== null })
        this.slabs++
        this.copied(name, result)
      })
    }
  }

  private async nexus({ cell }: ExpectedCell): Promise<void> {
    const { srcDir, destDir, nexusLayers, nodeEdits, startedBy } = this.options
    const name = 'nexus.lmdb'
    const [source, dest] = [srcDir, destDir].map((dir) => cortexPaths(dir).slab('nexus'))
    if (startedBy !== null) this.notCompared.push(`the nexus log, to which Synapse ${startedBy} writes`)
    if (startedBy !== null) return
    if (nodeEdits === null) this.notCompared.push('the nexus log, which depends on all layers')
    if (nodeEdits === null) return
    const hive = Hive.from(cell.rows('hive'))
    const layers = nexusLayers.map((iden) => ({
      iden,
      userIden: String(hive.get(['cortex', 'layers', iden, 'creator']) ?? ''),
    }))
    if (SlabReader.exists(dest)) await this.pages(dest, name)
    await this.readable(name, async () => {
      const result = await this.pool.run('verifyNexus', { destDir, source, dest, layers, nodeEdits })
      this.rows += result.rows
      this.copied(name, result)
    })
  }

  private copied(place: string, result: Pick<CompareSlabResult, 'differences' | 'differenceCount'>): void {
    for (const difference of result.differences) this.differences.push({ ...difference, place, buid: null })
    this.more += result.differenceCount - result.differences.length
  }

  private async pages(path: string, place: string): Promise<void> {
    await this.readable(place, async () => {
      const { complaints, complaintCount } = await this.pool.run('walkSlab', { path })
      for (const row of complaints) this.differs('different', place, row)
      this.more += complaintCount - complaints.length
    })
  }

  /** Reports a slab of the destination that cannot be read as a difference. */
  private async readable(place: string, read: () => void | Promise<void>): Promise<void> {
    try {
      await read()
    } catch (error) {
      const damage =
        damageOf(error, this.options.destDir) ?? (error instanceof MsgpackError ? destDamageOf(error) : null)
      if (damage === null) throw error
      this.differs('different', place, damage)
    }
  }

  private differs(kind: CellDifference['kind'], place: string, row: string): void {
    if (this.differences.some((known) => known.place === place && known.row === row)) return
    this.differences.push({ kind, place, row, buid: null, expected: null, found: null })
  }

  /**
   * The steps that the log records as done. Without a readable log all steps count as done: their results must be
   * there.
   */
  private doneSteps(log: ReadonlyMap<string, Uint8Array>): Set<MigrOp> {
    const done = this.stepsOf(log)
    const { layerFacts } = this.options
    const left: MigrOp[] = Object.values<Step>(CELL_STEPS).flatMap(({ name }) => (done.has(name) ? [] : [name]))
    const isLeft = (has: (layer: LayerFacts) => boolean) => layerFacts.length > 0 && !layerFacts.some(has)
    if (isLeft(({ withNodes }) => withNodes)) left.push('nodes')
    if (isLeft(({ withNodedata }) => withNodedata)) left.push('nodedata')
    if (isLeft(({ withSplices }) => withSplices)) left.push('splices')
    if (left.length > 0) this.notCompared.push(`what the steps ${left.join(', ')} make: they were not run`)
    return done
  }

  private stepsOf(log: ReadonlyMap<string, Uint8Array>): Set<MigrOp> {
    const isDone = (name: string) => [...log.keys()].some((key) => key.startsWith(`${name}\0prog\0`))
    const names = Object.values<Step>(CELL_STEPS).map(({ name }) => name)
    return new Set(names.filter((name) => log.size === 0 || isDone(name)))
  }

  private readLog(): Map<string, Uint8Array> {
    const path = cortexPaths(this.options.destDir).migration.log
    if (!SlabReader.exists(path)) return new Map()
    try {
      const slab = SlabReader.open(path)
      try {
        const rows = [...(slab.db(LOG_DB)?.rows() ?? [])]
        return new Map(rows.map(({ key, value }) => [Buffer.from(key).toString('latin1'), value]))
      } finally {
        slab.close()
      }
    } catch (error) {
      if (damageOf(error, this.options.destDir) === null) throw error
      return new Map() // The comparison of that slab reports it.
    }
  }
}

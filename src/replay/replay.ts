import { BUID_BYTES } from '../bytes/buid.js'
import { encode, PackMap, type Value } from '../bytes/msgpack.js'
import { readCheckpoints } from '../dest/checkpoints.js'
import { ErrorCounts, type ErrorKind } from '../dest/error-counts.js'
import { readErrorRecords } from '../dest/error-records.js'
import { hasRecord } from '../dest/migration-log.js'
import { MigrationError } from '../errors.js'
import { assertDestOf } from '../inspect/dest-state.js'
import { cortexPaths, type LayerSlab } from '../layout/paths.js'
import type { NodesCheckpoint, SplicesCheckpoint } from '../layout/records.js'
import type { Log } from '../log.js'
import { changedSlabs, DEST_SLABS, type LayerCheckpoints, layerCheckpoint } from '../migrate/layer-checkpoint.js'
import { LayerSplices } from '../migrate/layer-splices.js'
import type { Progress } from '../migrate/progress.js'
import { takeRunLock } from '../migrate/run-lock.js'
import type { NodeExtractCounts } from '../migrate/tasks/node-extract.js'
import type { ModelData } from '../model/model.js'
import type { ModelFile } from '../model/model-file.js'
import { SlabReader } from '../page/page-reader.js'
import { isInUse } from '../slab/in-use.js'
import { readSource, type SourceCortex } from '../source/cortex-dir.js'
import { cortexModel } from '../source/cortex-model.js'
import { layersBelow } from '../source/layers-below.js'
import { refuseLiveLayers } from '../source/live-layers.js'
import { findForms } from '../source/partial-forms.js'
import { modelKey, workerStortypes } from '../stream/worker-state.js'
import { makeCredits } from '../thread/chunk-sender.js'
import { TaskPool } from '../thread/task-pool.js'
import { WriterClient } from '../thread/writer-client.js'
import { SpliceTranslator } from '../translate/splices.js'
import type { ReplayNodesInput, ReplayNodesResult } from './tasks/replay-nodes.js'

const STEPS = ['nodes', 'nodedata', 'splices'] as const
/** Nodes that are translated in one task and stored in one transaction. */
const BATCH_NODES = 1000

export interface ReplayOptions {
  readonly srcDir: string
  readonly destDir: string
  readonly workers: number
  readonly memoryBytes: number
  readonly modelFiles: readonly ModelFile[]
  /** Node edits per row of the nexus log, where the migration has written it. */
  readonly editBatchSize: number
  /** Nodes per transaction; only tests give it. */
  readonly batchNodes?: number
}

/** What came of trying again what could not be migrated. */
export interface ReplayReport {
  readonly destDir: string
  /** Errors before and after, by step. */
  readonly steps: readonly { readonly step: string; readonly before: number; readonly after: number }[]
  /** Errors that are left, by step and kind. */
  readonly left: readonly ErrorKind[]
  readonly leftCount: number
  readonly elapsedMs: number
}

/** Errors of one layer. */
interface LayerErrors {
  /** Buids of nodes and of node data, in hex. */
  readonly buids: Set<string>
  readonly splices: SpliceError[]
}

interface SpliceError {
  readonly offset: number
  /** Null when the log is of a version that did not keep it. */
  readonly raw: Uint8Array | null
}

/**
 * Tries again the nodes, node data and splices that could not be migrated, and adds them to the destination: nodes and
 * node data through LMDB, one transaction for some of them at a time; a history of which a splice can be translated now is
 * made anew from the source, so that its edits stand where they belong. May be killed at any instant and run again.
 */
export class Replay {
  private readonly startedMs = Date.now()

  constructor(
    private readonly options: ReplayOptions,
    private readonly log: Log,
    private readonly progress: Progress,
  ) {}

  async run(): Promise<ReplayReport> {
    const { srcDir, destDir, workers } = this.options
    const source = readSource(srcDir)
    this.checkDest(source)
    const lock = await takeRunLock(destDir, (text) => this.log('WARNING', text))
    const writer = new WriterClient(this.log)
    const pool = new TaskPool(workers)
    pool.breakOn(writer.broken)
    pool.breakOn(lock.lost)
    try {
      const { model } = cortexModel(source, this.options.modelFiles)
      const before = this.count()
      const errors = readLayerErrors(destDir)
      const layers = this.layersOf(errors)
      refuseLiveLayers(srcDir, layers)
      for (const iden of layers) this.checkLayer(iden, model)
      await writer.call('open', { destDir })
      for (const iden of layers) await this.layer(iden, errors.get(iden) ?? noErrors(), source, model, pool, writer)
      await writer.call('reserveEdits', { destDir })
      return this.report(before)
    } finally {
      await writer.close()
      await pool.close()
      lock.release()
    }
  }

  private async layer(
    iden: string,
    errors: LayerErrors,
    source: SourceCortex,
    model: ModelData,
    pool: TaskPool,
    writer: WriterClient,
  ): Promise<void> {
    const nodes = this.checkpoint('nodes', iden)
    if (nodes !== null) {
      // From here on the layer is one of the new model: a run that is killed must be ended with it.
      const begun = withModel(nodes, model)
      await writer.call('putCheckpoint', { key: `nodes/${iden}`, checkpoint: begun })
      if (errors.buids.size > 0) {
        this.log('INFO', `Trying ${errors.buids.size} nodes of layer ${iden} again`)
        await this.addNodes(iden, errors.buids, nodes, source, model, pool, writer)
      }
      await this.settle(iden, begun, writer)
    }
    await this.splices(iden, errors.splices, model, pool, writer)
  }

  private async addNodes(
    iden: string,
    wanted: ReadonlySet<string>,
    nodes: NodesCheckpoint,
    source: SourceCortex,
    model: ModelData,
    pool: TaskPool,
    writer: WriterClient,
  ): Promise<void> {
    const { destDir, editBatchSize, batchNodes = BATCH_NODES } = this.options
    const buids = [...wanted].sort().map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')))
    const input = this.nodeSource(iden, nodes, source, model)
    const batches = Array.from({ length: Math.ceil(buids.length / batchNodes) }, (_, i) =>
      buids.slice(i * batchNodes, (i + 1) * batchNodes),
    )
    await writer.call('openLayer', { destDir, iden, buids: Buffer.concat(buids) })
    // The next batch is translated while one is stored; they are stored in order, which gives new names their numbers.
    let next = translated(pool, input, batches[0])
    for (const [i, batch] of batches.entries()) {
      const { nodes } = await next
      if (i + 1 < batches.length) next = translated(pool, input, batches[i + 1])
      next.catch(() => undefined)
      await writer.call('addNodes', { nodes, batchSize: editBatchSize })
      this.progress.show(
        `nodes ${iden.slice(0, 8)}`,
        Math.min(buids.length, i * batchNodes + batch.length),
        buids.length,
        'nodes',
      )
    }
    await writer.call('closeLayer', {})
  }

  /** What translates the nodes of a layer as they were migrated, but for the model. */
  private nodeSource(iden: string, { fingerprint }: NodesCheckpoint, source: SourceCortex, model: ModelData) {
    const paths = cortexPaths(this.options.srcDir)
    const slab = (layer: string, name: LayerSlab) => paths.layer(layer).slab(name)
    const mapPartial = fingerprint.mapPartial
    return {
      layer: iden,
      layerPath: slab(iden, 'layer'),
      nodedataPath: fingerprint.slabs.nodedata === null ? null : slab(iden, 'nodedata'),
      otherLayerPaths: mapPartial ? layersBelow(source, iden).map((other) => slab(other, 'layer')) : [],
      checks: fingerprint.checks,
      mapPartial,
      model,
    }
  }

  /** Makes statistics and checkpoint say what is there now: counted anew, so that a run may end and begin anywhere. */
  private async settle(iden: string, checkpoint: NodesCheckpoint, writer: WriterClient): Promise<void> {
    const { destDir } = this.options
    const key = `nodes/${iden}`
    const streams = (readCheckpoints(destDir).get(key)?.streams ?? []) as { counts?: NodeExtractCounts }[]
    const before = streams.flatMap(({ counts }) => (counts === undefined ? [] : [counts]))
    const left = countLeft(destDir, iden)
    const layer = SlabReader.open(cortexPaths(destDir).layer(iden).slab('layer_v2'))
    const nodedata = SlabReader.open(cortexPaths(destDir).layer(iden).slab('nodedata'))
    try {
      const forms = [...(layer.db('count:forms')?.rows() ?? [])].map(
        ({ key, value }) => [Buffer.from(key).toString('utf8'), Number(Buffer.from(value).readBigInt64BE())] as const,
      )
      const counts = merged(before, left, forms, {
        rows: layer.db('bybuid')?.entries ?? 0,
        data: nodedata.db('nodedata')?.entries ?? 0,
      })
      await writer.call('record', { records: statRecords(iden, counts, checkpoint) })
      // That it was us who wrote to the slabs tells verification not to expect differences.
      const writtenTxns = { layer_v2: layer.txnId, nodedata: nodedata.txnId }
      const whole = { stream: 0, counts }
      await writer.call('putBuilt', { key, checkpoint: { ...checkpoint, writtenTxns }, streams: [whole] })
    } finally {
      layer.close()
      nodedata.close()
    }
  }

  /** Makes the history anew when a splice of it can be translated now, or an earlier run has begun to. */
  private async splices(
    iden: string,
    errors: readonly SpliceError[],
    model: ModelData,
    pool: TaskPool,
    writer: WriterClient,
  ): Promise<void> {
    const { srcDir, destDir } = this.options
    const key = `splices/${iden}`
    if (!hasRecord(destDir, 'splices', 'prog', iden)) return
    if (!SlabReader.exists(cortexPaths(srcDir).layer(iden).slab('splices'))) return
    const checkpoint = this.checkpoint('splices', iden)
    if (checkpoint?.isBuilt === true && !canTranslate(errors, model)) {
      await writer.call('putCheckpoint', { key, checkpoint: withModel(checkpoint, model) })
      return
    }
    this.log('INFO', `Making the history of layer ${iden} anew`)
    await writer.call('dropCheckpoint', { key })
    await writer.call('forgetSpliceErrors', { layer: iden })
    const credits = makeCredits(this.options.memoryBytes)
    const shared = { iden, srcDir, destDir, model, fromLast: false, pieces: {} }
    await new LayerSplices(shared, pool, writer, credits, {
      warn: (text) => this.log('WARNING', text),
      info: (text) => this.log('INFO', text),
      errors: () => undefined,
      progress: ({ splices, totalSplices }) =>
        this.progress.show(`splices ${iden.slice(0, 8)}`, splices, totalSplices, 'splices'),
    }).run()
  }

  private checkDest(source: SourceCortex): void {
    const { destDir } = this.options
    const booted = assertDestOf(source, destDir, 'replay errors of')
    if (booted === null) return
    throw new MigrationError(
      'ERR_PREFLIGHT',
      `Cannot replay errors of "${destDir}": Synapse ${booted} has been started on it`,
      {
        hint: 'what it has since would be at odds with older changes: add what is missing through Storm, or migrate again',
      },
    )
  }

  /** Layers that have errors, or whose history an earlier run has left unfinished. */
  private layersOf(errors: ReadonlyMap<string, LayerErrors>): string[] {
    const keys = [...readCheckpoints(this.options.destDir).keys()]
    if (!keys.some((key) => /^(nodes|splices)\//.test(key))) {
      throw new MigrationError(
        'ERR_PREFLIGHT',
        `Cannot replay errors of "${this.options.destDir}": it has no checkpoints`,
        {
          hint: 'another tool has migrated it: migrate it again with migrate_020 --restart',
        },
      )
    }
    const known = keys.flatMap((key) => /^(?:nodes|splices)\/(.*)$/.exec(key)?.[1] ?? [])
    return [...new Set([...errors.keys(), ...known])].sort()
  }

  private checkLayer(iden: string, model: ModelData): void {
    const { srcDir, destDir } = this.options
    for (const slab of DEST_SLABS) {
      const path = cortexPaths(destDir).layer(iden).slab(slab)
      if (!isInUse(path)) continue
      throw new MigrationError('ERR_PREFLIGHT', `Cannot replay errors of "${destDir}": a process has "${path}" open`, {
        hint: 'stop it',
      })
    }
    const nodes = this.checkpoint('nodes', iden)
    const splices = this.checkpoint('splices', iden)
    // A history that is not built was begun by a replay when the migration has come to its end.
    const isOpen = splices !== null && !splices.isBuilt && !hasRecord(destDir, 'splices', 'prog', iden)
    if (nodes?.isBuilt === false || isOpen) {
      throw new MigrationError(
        'ERR_PREFLIGHT',
        `Cannot replay errors of layer ${iden}: its migration has not finished`,
        {
          hint: 'let migrate finish it with --from-last',
        },
      )
    }
    for (const { fingerprint } of [nodes, splices].filter((checkpoint) => checkpoint !== null)) {
      this.checkModel(iden, fingerprint.model, model)
    }
    const [changed] = changedSlabs(cortexPaths(srcDir).layer(iden), { nodes, splices })
    if (changed === undefined) return
    throw new MigrationError(
      'ERR_CHECKPOINT_MISMATCH',
      `Cannot replay errors of layer ${iden}: "${changed}" has changed since`,
      { hint: 'give the source as it was migrated, or migrate again' },
    )
  }

  /** The model may only have more than it had: what was migrated with it stays as it is. */
  private checkModel(iden: string, before: string, model: ModelData): void {
    const parse = (text: string) =>
      (JSON.parse(text) as { kind: string }[]).map((addition) => ({
        addition: JSON.stringify(addition),
        kind: addition.kind,
      }))
    const [old, now] = [parse(before), parse(modelKey(model))]
    const of = (list: typeof old, isFile: boolean) =>
      list.filter(({ kind }) => (kind === 'file') === isFile).map(({ addition }) => addition)
    const isKept = of(old, true).every((file, i) => of(now, true)[i] === file)
    const isSame = of(old, false).join() === of(now, false).join()
    if (isKept && isSame) return
    throw new MigrationError(
      'ERR_CHECKPOINT_MISMATCH',
      `Cannot replay errors of layer ${iden}: it was migrated with another model`,
      {
        hint: 'give the same --model files first, in their order, then the new ones; a new file must not define what the Cortex extends itself',
      },
    )
  }

  private checkpoint<Step extends keyof LayerCheckpoints>(step: Step, iden: string): LayerCheckpoints[Step] | null {
    return layerCheckpoint(readCheckpoints(this.options.destDir), step, iden)
  }

  private count(): ErrorCounts {
    const counts = new ErrorCounts()
    counts.addLog(this.options.destDir, new Set(STEPS))
    return counts
  }

  private report(before: ErrorCounts): ReplayReport {
    const after = this.count()
    const sum = (counts: ErrorCounts, step: string) =>
      counts.kinds.reduce((total, kind) => total + (kind.step === step ? kind.errors : 0), 0)
    return {
      destDir: this.options.destDir,
      steps: STEPS.map((step) => ({ step, before: sum(before, step), after: sum(after, step) })),
      left: after.kinds,
      leftCount: after.kinds.reduce((total, { errors }) => total + errors, 0),
      elapsedMs: Date.now() - this.startedMs,
    }
  }
}

/** Translates nodes; where no other layer knows a partial node's form once more, with what this layer's indexes tell. */
async function translated(
  pool: TaskPool,
  input: Omit<ReplayNodesInput, 'buids' | 'knownForms'>,
  buids: readonly Uint8Array[],
): Promise<ReplayNodesResult> {
  const first = await pool.run('replayNodes', { ...input, buids, knownForms: [] })
  if (!input.mapPartial || first.unresolved.length === 0) return first
  const forms = [...findForms(input.layerPath, [first.unresolved])]
  return forms.length === 0 ? first : pool.run('replayNodes', { ...input, buids, knownForms: forms })
}

function readLayerErrors(destDir: string): Map<string, LayerErrors> {
  const layers = new Map<string, LayerErrors>()
  for (const { layer, step, buid, offset, val } of readErrorRecords(destDir) ?? []) {
    if (layer === null) continue
    const errors = layers.get(layer) ?? noErrors()
    if (step === 'splices') {
      const raw = val instanceof PackMap ? val.get('raw') : undefined
      errors.splices.push({ offset: offset ?? 0, raw: raw instanceof Uint8Array ? raw : null })
    } else if ((step === 'nodes' || step === 'nodedata') && buid?.length === BUID_BYTES) {
      errors.buids.add(Buffer.from(buid).toString('hex'))
    } else continue
    layers.set(layer, errors)
  }
  return layers
}

function withModel<Checkpoint extends NodesCheckpoint | SplicesCheckpoint>(
  checkpoint: Checkpoint,
  model: ModelData,
): Checkpoint {
  return { ...checkpoint, fingerprint: { ...checkpoint.fingerprint, model: modelKey(model) } }
}

function noErrors(): LayerErrors {
  return { buids: new Set(), splices: [] }
}

function canTranslate(errors: readonly SpliceError[], model: ModelData): boolean {
  let edits = 0
  const translator = new SpliceTranslator(workerStortypes(model), {
    nodeEdit: () => {
      edits++
    },
    failure: () => undefined,
  })
  return errors.some(({ offset, raw }) => {
    if (raw === null) return true
    translator.add(offset, raw, 0, raw.length)
    translator.flush()
    return edits > 0
  })
}

/** Errors that a layer still has, as its statistics count them. */
function countLeft(destDir: string, iden: string): { rejected: number; reduced: number; errors: number } {
  const left = { rejected: 0, reduced: 0, errors: 0 }
  for (const { layer, step, buid, val } of readErrorRecords(destDir) ?? []) {
    if (layer !== iden || !(val instanceof PackMap)) continue
    const data = val.get('nodedata')
    if (step === 'nodedata') left.errors += data instanceof PackMap ? data.entries.length : 1
    if (step !== 'nodes') continue
    left.errors++
    if (buid?.length !== BUID_BYTES) continue
    if (val.get('kept') === true) left.reduced++
    else left.rejected++
  }
  return left
}

/** The counts of a layer as if it had been one partition. */
function merged(
  before: readonly NodeExtractCounts[],
  left: ReturnType<typeof countLeft>,
  forms: NodeExtractCounts['forms'],
  there: { readonly rows: number; readonly data: number },
): NodeExtractCounts {
  const total = (pick: (counts: NodeExtractCounts) => number) => before.reduce((sum, counts) => sum + pick(counts), 0)
  const sourceForms = new Map<string, number>()
  for (const [form, count] of before.flatMap((counts) => counts.sourceForms)) {
    sourceForms.set(form, (sourceForms.get(form) ?? 0) + count)
  }
  const nodes = total((counts) => counts.nodes)
  const last = before.flatMap(({ lastBuid }) => (lastBuid === null ? [] : [lastBuid])).sort(Buffer.compare)
  return {
    partition: 0,
    sourceRows: total((counts) => counts.sourceRows),
    nodedataRows: total((counts) => counts.nodedataRows),
    nodes,
    migrated: nodes - left.rejected,
    reduced: left.reduced,
    nodedataMigrated: there.data,
    errorCount: left.errors,
    sourceForms: [...sourceForms],
    forms,
    rows: there.rows,
    lastBuid: last.at(-1) ?? null,
    unresolved: new Uint8Array(0),
  }
}

/** The statistics of a layer that depend on what was migrated, as a migration notes them. */
function statRecords(iden: string, counts: NodeExtractCounts, { fingerprint }: NodesCheckpoint) {
  const stat = (migrop: string, key: string, value: Value) => ({
    migrop,
    logtyp: 'stat',
    key: `${iden}:${key}`,
    value: encode(value),
  })
  const [source, dest] = [new Map(counts.sourceForms), new Map(counts.forms)]
  const forms = [...new Set([...source.keys(), ...dest.keys()])]
  const total = counts.forms.reduce((sum, [, count]) => sum + count, 0)
  return [
    ...forms.map((form) => stat('nodes', `form:${form}`, [source.get(form) ?? 0, dest.get(form) ?? 0])),
    stat('nodes', 'totnodes', [counts.nodes, total]),
    ...(fingerprint.slabs.nodedata === null
      ? []
      : [stat('nodedata', 'totnodes', [counts.nodedataRows, counts.nodedataMigrated])]),
  ]
}

import { decodeOr, PackMap, type Value } from '../bytes/msgpack.js'
import { cortexPaths } from '../layout/paths.js'
import { SlabReader } from '../page/page-reader.js'
import { readSettled } from '../slab/read-settled.js'
import { readYamlFile } from '../slab/yaml-file.js'
import type { SourceCortex } from '../source/cortex-dir.js'
import { CELL_BASE_CONFS } from '../step/cell.js'
import type { MigrOp } from '../step/context.js'
import { hasOwnOptions, isOwnerKnown } from '../step/hivelyr.js'
import { numberQueues } from '../translate/queues.js'
import { translateTrigger } from '../translate/triggers.js'

/** What a run counts where it differs from the reference; docs/decisions/reference-differences.md says why. */
export const DIFFERENCE_NAMES = [
  /** Nodes whose form is in another layer. */
  'partialNodes',
  /** Nodes whose value today's model norms differently. */
  'keptValues',
  /** Tag props whose type has options. */
  'typedTagProps',
  /** Layers that have a last splice. */
  'lastSplices',
  /** Offsets missing in splice logs. */
  'missingOffsets',
  /** Splices with names of an older model. */
  'renamedSplices',
  /** Queues whose number is not their position by name. */
  'queueNumbers',
  /** Triggers that moved and kept their iden. */
  'triggerIdens',
  /** How many of these had no view of their own. */
  'triggerViews',
  /** Layers with a name or options. */
  'layerOptions',
  /** Layers whose owner is not a user. */
  'layerOwners',
  /** Options in cell.yaml that 2.x has too. */
  'cellOptions',
  /** 1 when the source was upgraded as 0.1.58 does it. */
  'olderSource',
] as const

/** How often a run differed from the reference. A missing count is unknown. */
export type DifferenceCounts = { readonly [Name in (typeof DIFFERENCE_NAMES)[number]]?: number }

/** Differences of the cell: what its steps do differently with the data in the source. */
export function cellDifferences(source: SourceCortex, ops: ReadonlySet<MigrOp>): DifferenceCounts {
  // Without it the steps work on the destination's data.
  if (!ops.has('dirn')) return {}
  return {
    olderSource: source.dir === source.givenDir ? 0 : 1,
    ...(ops.has('cell') ? { cellOptions: cellOptions(source.dir) } : {}),
    ...(ops.has('hivelyr') ? layers(source) : {}),
    ...(ops.has('triggers') ? triggers(source) : {}),
    ...(ops.has('queues') ? { queueNumbers: queueNumbers(source.dir) } : {}),
  }
}

/** The sums of the layers' counts. A count that no layer has stays unknown. */
export function addedUp(counts: readonly DifferenceCounts[]): DifferenceCounts {
  const known = DIFFERENCE_NAMES.filter((name) => counts.some((each) => each[name] !== undefined))
  return Object.fromEntries(known.map((name) => [name, counts.reduce((sum, each) => sum + (each[name] ?? 0), 0)]))
}

function cellOptions(dir: string): number {
  const conf = readYamlFile(cortexPaths(dir).cellYaml) ?? {}
  return Object.keys(conf).filter((name) => CELL_BASE_CONFS.has(name)).length
}

function layers({ hive }: SourceCortex): DifferenceCounts {
  const idens = hive.children(['cortex', 'layers'])
  return {
    layerOptions: idens.filter((iden) => hasOwnOptions(hive, iden)).length,
    layerOwners: idens.filter((iden) => !isOwnerKnown(hive, iden)).length,
  }
}

function triggers({ dir, hive, cellGuid }: SourceCortex): DifferenceCounts {
  const views = new Set(hive.children(['cortex', 'views']))
  const lookup = {
    defaultView: hive.getText(['cellinfo', 'defaultview']),
    cellGuid: cellGuid ?? '',
    hasView: (iden: string) => views.has(iden),
  }
  const rules = readSettled(cortexPaths(dir).slab('cell'), (slab) =>
    [...(slab.db('triggers')?.rows() ?? [])].map(
      ({ key, value }) => [Buffer.from(key).toString('latin1'), decodeOr(null, value)] as const,
    ),
  )
  const moved = rules.filter(([key, rule]) => 'ok' in translateTrigger(key, rule, lookup))
  const hasNoView = ([, rule]: readonly [string, Value]) => {
    const view = rule instanceof PackMap ? (rule.get('viewiden') ?? null) : null
    return view === null || view === cellGuid
  }
  return { triggerIdens: moved.length, triggerViews: moved.filter(hasNoView).length }
}

/** Queues to which the reference, which numbers them by name, would have given another one's number. */
function queueNumbers(dir: string): number {
  const path = cortexPaths(dir).slab('queues')
  if (!SlabReader.exists(path)) return 0
  const { names, numbers } = readSettled(path, (slab) => {
    const rows = (db: string) => [...(slab.db(`cortex:queue:${db}`)?.rows() ?? [])]
    const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')
    return {
      names: rows('meta').map(({ key }) => latin1(key)),
      numbers: new Map(
        rows('abrv:name2abrv').map(({ key, value }) => [latin1(key), Buffer.from(value).readBigUInt64BE()] as const),
      ),
    }
  })
  const order = new Map(names.map((name, at) => [name, BigInt(at)]))
  return numberQueues(names, numbers).filter(({ name, number }) => order.has(name) && order.get(name) !== number).length
}

import type { DifferenceCounts } from '../migrate/differences.js'
import type { Report } from './report-schema.js'
import type { RunRecord } from './run-history.js'

/** The facts from which a report counts differences. */
export interface DifferenceFacts {
  readonly runs: readonly RunRecord[]
  readonly layers: Report['layers']
  readonly errors: Report['errors']
  /** Error records whose buid has a zero byte; null when there are no records. */
  readonly zeroBuids: number | null
}

interface Row {
  /** Its number in docs/decisions/reference-differences.md. */
  readonly id: string
  readonly of: string
  readonly reference: string
  readonly here: string
  /** How often it applied; null when unknown. */
  readonly count: (facts: DifferenceFacts) => number | null
}

const ROWS: readonly Row[] = [
  {
    id: 'D1',
    of: 'nodes with a value that cannot be stored',
    reference: 'they took the rest of a batch of up to 100 nodes with them',
    here: 'each is an error by itself',
    count: errorsOf(['nodes'], ['INDEX']),
  },
  {
    id: 'D13',
    of: 'nodes with a tag prop whose name 2.x cannot read',
    reference: 'the run ends',
    here: 'the tag prop is an error, the rest of the node is migrated',
    count: errorsOf(['nodes'], ['NAME']),
  },
  {
    id: 'D14',
    of: 'nodes and node data with bytes that cannot be read',
    reference: 'the run ends at most of them',
    here: 'each is an error by itself',
    count: errorsOf(['nodes', 'nodedata'], ['ROW']),
  },
  {
    id: 'D26',
    of: 'nodes with a null',
    reference: 'the null is stored under a random index, or fails each later change of its tag',
    here: 'the null is an error, the rest of the node is migrated',
    count: errorsOf(['nodes'], ['NULL']),
  },
  {
    id: 'D21',
    of: 'layers without a slab of node data',
    reference: 'the run ends after their nodes',
    here: 'they have no node data',
    count: ({ layers }) => {
      const known = layers.filter(({ fingerprint }) => fingerprint.layer !== undefined)
      return known.length === 0 ? null : known.filter(({ fingerprint }) => fingerprint.nodedata === undefined).length
    },
  },
  {
    id: 'D23',
    of: 'nodes whose form is in another layer',
    reference: 'each is an error unless --map-partial is given, and some are even then',
    here: 'they are migrated',
    count: counted('partialNodes'),
  },
  {
    id: 'D24',
    of: 'nodes whose value the model norms otherwise today',
    reference: 'each is an error',
    here: 'the value is kept: its buid proves that 0.1.x stored it so',
    count: counted('keptValues'),
  },
  {
    id: 'D12',
    of: 'tag props of a type with options',
    reference: 'they are indexed by the type without its options, and some cannot be found',
    here: 'they are indexed by the type that they have',
    count: counted('typedTagProps'),
  },
  {
    id: 'D3',
    of: 'runs that continued an earlier one (--from-last)',
    reference: 'nodes noted as done may be missing',
    here: 'the result is that of an uninterrupted run',
    count: ({ runs }) =>
      runs.filter(({ options: asked }) => asked['from-last'] === true && asked.replay !== true).length,
  },
  {
    id: 'D10',
    of: 'layers that have splices',
    reference: 'the last splice of each is lost, and node edits are cut at every tenth offset',
    here: 'every splice is in one node edit or one error',
    count: counted('lastSplices'),
  },
  {
    id: 'D10',
    of: 'splices that cannot be translated',
    reference: 'each took the splices of its group with it, and stands under the offset of another',
    here: 'each is an error by itself, under its own offset',
    count: errorsOf(['splices'], ['FORM', 'STORTYPE', 'EDIT', 'ROW', 'NULL']),
  },
  {
    id: 'D10',
    of: 'offsets that a splice log lacks',
    reference: 'they are passed over without a word',
    here: 'they are counted, and end a node edit',
    count: counted('missingOffsets'),
  },
  {
    id: 'D61',
    of: 'splices in names of an older model',
    reference: 'each is an error',
    here: 'they became edits of the node and prop as they are named today',
    count: counted('renamedSplices'),
  },
  {
    id: 'D11',
    of: 'queues whose number is not their place by name',
    reference: 'they got the items of other queues, or lost theirs',
    here: 'they keep their number and their items',
    count: counted('queueNumbers'),
  },
  {
    id: 'D15',
    of: 'triggers',
    reference: 'they got a new iden made of their content, so equal ones merged',
    here: 'they keep their iden',
    count: counted('triggerIdens'),
  },
  {
    id: 'D15',
    of: 'triggers without a view of their own',
    reference: 'they are skipped, or lost in a view that nobody sees',
    here: 'they went to the default view',
    count: counted('triggerViews'),
  },
  {
    id: 'D15',
    of: 'triggers of a view that does not exist',
    reference: 'they got an entry that nobody sees',
    here: 'each is an error',
    count: errorsOf(['triggers'], ['VIEW']),
  },
  {
    id: 'D16',
    of: 'layers with a name or options',
    reference: 'both are dropped',
    here: 'they are kept where 2.x knows them',
    count: counted('layerOptions'),
  },
  {
    id: 'D16',
    of: 'layers whose owner is no user',
    reference: 'the run ends',
    here: 'root became their creator',
    count: counted('layerOwners'),
  },
  {
    id: 'D19',
    of: 'options of cell.yaml that 2.x has too',
    reference: 'they are removed from cell.yaml',
    here: 'they are kept',
    count: counted('cellOptions'),
  },
  {
    id: 'D33',
    of: 'layers with node edits',
    reference: 'the nexus log is empty, and Synapse 2.5 to 2.9 write over the migrated edits',
    here: 'one row of the nexus log reserves their places',
    count: ({ layers }) => {
      const known = layers.flatMap(({ splices }) => (splices === null ? [] : [splices.node_edits]))
      return known.length === 0 ? null : known.filter((edits) => edits > 0).length
    },
  },
  {
    id: 'D60',
    of: 'Cortexes of a release before 0.1.58 that has another layout',
    reference: 'they are refused, or their layers are',
    here: 'they are read as 0.1.58 leaves them when it has started',
    count: counted('olderSource'),
  },
  {
    id: 'D7',
    of: 'error records of a buid that holds a zero byte',
    reference: 'the buid is cut there',
    here: 'it is whole',
    count: ({ zeroBuids }) => zeroBuids,
  },
  {
    id: 'D32',
    of: 'errors of node data, splices and steps of the cell',
    reference: '--dump-errors leaves them out',
    here: '--dump-errors and errors list them',
    count: ({ errors }) => sumOf(errors, ({ step }) => step !== 'nodes'),
  },
  {
    id: 'D20',
    of: 'runs that ended with another exit code than 0',
    reference: 'it ends with 0 when it refuses or has recorded errors',
    here: 'the exit code tells',
    count: ({ runs }) => runs.filter(({ exitCode }) => exitCode !== null && exitCode !== 0).length,
  },
]

/**
 * Differences that a report cannot show, with a short reason. Does not list reasons to refuse a run, or what a command
 * prints.
 */
export const UNTOLD_DIFFERENCES = {
  D2: 'rows of nodes that failed half-way',
  D4: 'statistics of resumed runs',
  D5: '--nodelim beyond the end',
  D9: 'errors of earlier runs',
  D17: 'runs without step hivelyr',
  D18: 'users, roles and rules',
  D25: 'nodes without .created',
  D27: 'rows that an earlier run had left',
  D31: '--add-mode nexus',
} as const

/** Numbers of the differences that a report shows. */
export const TOLD_DIFFERENCES: readonly string[] = [...new Set(ROWS.map(({ id }) => id))]

/** The differences that applied, and a note on those that are unknown. */
export function referenceDifferences(facts: DifferenceFacts): {
  readonly applied: Report['differences']
  readonly notLookedAt: string
} {
  const told = ROWS.map(({ count, ...row }) => ({ ...row, count: count(facts) }))
  const applied = told.flatMap((row) => (row.count === null || row.count === 0 ? [] : [{ ...row, count: row.count }]))
  const unknown = told.filter((row) => row.count === null).map(({ id, of }) => `${id} (${of})`)
  const untold = Object.entries(UNTOLD_DIFFERENCES).map(([id, what]) => `${id} (${what})`)
  return {
    applied,
    notLookedAt: `Whether these differences to the reference tool applied: ${[...unknown, ...untold].join(', ')}. docs/decisions/reference-differences.md explains all`,
  }
}

/** A count from the last run that has it. */
function counted(name: keyof DifferenceCounts) {
  return ({ runs }: DifferenceFacts): number | null =>
    runs.findLast(({ differences }) => differences?.[name] !== undefined)?.differences?.[name] ?? null
}

function errorsOf(steps: readonly string[], codes: readonly string[]) {
  return ({ errors }: DifferenceFacts): number =>
    sumOf(errors, ({ step, code }) => steps.includes(step) && codes.includes(code))
}

function sumOf({ kinds }: Report['errors'], isMeant: (kind: Report['errors']['kinds'][number]) => boolean): number {
  return kinds.reduce((sum, kind) => sum + (isMeant(kind) && !kind.is_note ? kind.errors : 0), 0)
}

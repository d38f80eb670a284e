import { decode, encode, PackMap, type Value } from '../../bytes/msgpack.js'
import type { ModelData } from '../../model/model.js'
import { extractSplices } from '../../stream/splice-extract.js'
import { openSource, workerStortypes } from '../../stream/worker-state.js'

/** How many differences we describe; we count all. */
const MOST_DIFFERENCES = 1000
const KINDS = ['node add', 'node del', 'prop set', 'prop del', 'tag set', 'tag del', 'tag prop set', 'tag prop del']

export interface VerifyEditSetInput {
  /** Path of the source's `splices.lmdb`, and of the destination's `nodeedits.lmdb`. */
  readonly slabPath: string
  readonly editsPath: string
  readonly model: ModelData
}

export interface VerifyEditSetResult {
  readonly splices: number
  readonly failures: number
  readonly rows: number
  readonly differences: readonly {
    /** What is edited, in words. */
    readonly row: string
    readonly expected: Uint8Array | null
    readonly found: Uint8Array | null
  }[]
  readonly differenceCount: number
}

/**
 * Compares the history of a layer with one made by another tool: single edits with user and prov, in any grouping and
 * any order. Keeps every edit that it has seen on one side only in memory.
 */
export function verifyEditSet({ slabPath, editsPath, model }: VerifyEditSetInput): VerifyEditSetResult {
  const balance = new Map<string, number>()
  const add = (row: Uint8Array, by: number) => {
    for (const edit of editsOf(row)) {
      const id = Buffer.from(edit).toString('latin1')
      const count = (balance.get(id) ?? 0) + by
      if (count === 0) balance.delete(id)
      else balance.set(id, count)
    }
  }
  for (const { value } of openSource(editsPath).db('nodeedits')?.rows() ?? []) add(value, -1)
  const { translated, failures, rows } = extractSplices({
    slabPath,
    start: 0,
    end: null,
    stortypes: workerStortypes(model),
    rows: { add: (_key, _keyStart, _keyEnd, buf, start, end) => add(buf.subarray(start, end), 1) },
    failure: () => undefined,
  })
  const differences = [...balance].slice(0, MOST_DIFFERENCES).map(([id, count]) => {
    const edit = Uint8Array.from(Buffer.from(id, 'latin1'))
    return { row: editText(edit), expected: count > 0 ? edit : null, found: count > 0 ? null : edit }
  })
  const differenceCount = [...balance.values()].reduce((sum, count) => sum + Math.abs(count), 0)
  return { splices: translated + failures, failures, rows, differences, differenceCount }
}

/** `[buid, form, edit, user, prov]` for every edit of a row `[[[buid, form, [edit, …]], …], meta]`. */
function* editsOf(row: Uint8Array): Generator<Uint8Array> {
  const [nodeEdits, meta] = decode(row) as [[Value, Value, Value[]][], Value]
  const field = (name: string) => (meta instanceof PackMap ? (meta.get(name) ?? null) : null)
  for (const [buid, form, edits] of nodeEdits) {
    for (const edit of edits) yield encode([buid, form, edit, field('user'), field('prov')])
  }
}

function editText(bytes: Uint8Array): string {
  const [buid, form, edit] = decode(bytes) as [Uint8Array, Value, [number, Value[]]]
  const name = typeof edit[1][0] === 'string' && edit[0] > 1 ? ` ${edit[1][0]}` : ''
  return `${KINDS[edit[0]] ?? `edit ${edit[0]}`}${name} of ${String(form)} ${Buffer.from(buid).toString('hex')}`
}
